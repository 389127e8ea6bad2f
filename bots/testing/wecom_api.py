"""WeCom's server API as far as a self-built app uses it, with its limits and its silent losses."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bots.clock import Clock
from bots.testing.loopback import Reply, Request, json_reply, serving

_MOST_BYTES = 2048
_PER_MINUTE = 30
_CODE_LIFETIME_S = 72 * 3600
_WORDS = {0: "ok", 40001: "invalid credential", 42001: "access_token expired", 45009: "api freq out of limit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message that a member sees.

    Attributes:
        was_cut: The platform cut the text without an error.
    """

    user_id: str
    kind: str
    content: Any
    at: float
    was_cut: bool = False

    @property
    def text(self) -> str:
        """The words of a text or markdown message."""
        return str(self.content.get("content", "")) if isinstance(self.content, dict) else ""


@dataclass(slots=True)
class FakeQyapi:
    """One corp with one app.

    Attributes:
        members: Who may be written to.
        shown: What members see, in order.
        dropped: Messages beyond 30 a minute and member, which the platform loses without a word.
        doubles: Messages that the duplicate check kept back.
        calls: Paths of all calls, in order; `token_calls` counts those for a token.
        failures: Error codes for the next calls to `message/send`, before anything is done.
        lose_answers: So many next sends are done and their answers lost.
        trusted: Whether the caller's address is in the app's 企业可信IP list.
        date: The `Date` header, where the platform's clock is to differ.
    """

    clock: Clock
    corp_id: str = "wx5823bf96d3bd56c7"
    secret: str = "app-secret-of-the-fake"  # noqa: S105 - of a server on loopback
    agent_id: int = 1000002
    members: set[str] = field(default_factory=lambda: {"zhangsan", "lisi"})
    shown: list[Shown] = field(default_factory=list)
    dropped: list[Shown] = field(default_factory=list)
    doubles: int = 0
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    token_calls: int = 0
    failures: list[int] = field(default_factory=list)
    lose_answers: int = 0
    trusted: bool = True
    date: str = ""
    base_url: str = ""
    _token: str = ""
    _token_until: float = 0.0
    _made: int = 0
    _codes: dict[str, tuple[str, float]] = field(default_factory=dict)
    _bodies: dict[str, float] = field(default_factory=dict)
    _times: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Yield the base URL."""
        with serving(self.answer) as url:
            self.base_url = url
            yield url

    def expire_now(self) -> None:
        """End the present token before its time, as the platform may."""
        self._token_until = 0.0

    def answer(self, request: Request) -> Reply:
        """Answer one call."""
        self.calls.append(request.path)
        self.requests.append(request)
        reply = self._routed(request)
        return Reply(status=reply.status, body=reply.body, headers={**reply.headers, **self._date()}, lost=reply.lost)

    def new_response_code(self, task_id: str) -> str:
        """Return a code that updates the card once within 72 hours; callbacks of clicks carry one."""
        self._made += 1
        code = f"code-{self._made}"
        self._codes[code] = (task_id, self.clock.now() + _CODE_LIFETIME_S)
        return code

    def _date(self) -> dict[str, str]:
        return {"Date": self.date} if self.date else {}

    def _routed(self, request: Request) -> Reply:
        if request.path == "/cgi-bin/gettoken":
            return self._gettoken(request)
        if code := self._token_error(request):
            return _error(code)
        if request.path == "/cgi-bin/getcallbackip":
            return json_reply({"errcode": 0, "errmsg": "ok", "ip_list": ["127.0.0.1"]})
        if not self.trusted:
            return _error(60020, "not allow to access from your ip, hint: [1], from ip: 192.0.2.7, more info")
        routes = {
            "/cgi-bin/message/send": self._send,
            "/cgi-bin/message/update_template_card": self._update,
            "/cgi-bin/agent/get": self._agent,
            "/cgi-bin/media/get": self._media,
        }
        route = routes.get(request.path)
        return route(request) if route else _error(40066, "invalid url")

    def _gettoken(self, request: Request) -> Reply:
        self.token_calls += 1
        if request.query.get("corpid") != self.corp_id or request.query.get("corpsecret") != self.secret:
            return _error(40001)
        if self.clock.now() >= self._token_until:
            self._made += 1
            self._token, self._token_until = f"T{self._made}", self.clock.now() + 7200
        left = int(self._token_until - self.clock.now())
        return json_reply({"errcode": 0, "errmsg": "ok", "access_token": self._token, "expires_in": left})

    def _token_error(self, request: Request) -> int:
        token = request.query.get("access_token", "")
        if token != self._token:
            return 42001 if token.startswith("T") else 40014
        return 42001 if self.clock.now() >= self._token_until else 0

    def _agent(self, request: Request) -> Reply:
        if request.query.get("agentid") != str(self.agent_id):
            return _error(40056, "invalid agentid")
        return json_reply({"errcode": 0, "errmsg": "ok", "agentid": self.agent_id, "name": "战情"})

    def _media(self, request: Request) -> Reply:
        found = self.media.get(request.query.get("media_id", ""))
        if found is None:
            return _error(40007, "invalid media_id")
        disposition = f'attachment; filename="{found[0]}"'.encode().decode("latin-1")
        return Reply(body=found[1], headers={"content-type": "audio/amr", "content-disposition": disposition})

    def _send(self, request: Request) -> Reply:
        if self.failures:
            return _error(self.failures.pop(0))
        body = request.json()
        kind = str(body.get("msgtype"))
        content = body.get(kind)
        if body.get("agentid") != self.agent_id:
            return _error(40056, "invalid agentid")
        if not isinstance(content, dict):
            return _error(40008, "invalid message type")
        if kind == "markdown" and len(str(content["content"]).encode()) > _MOST_BYTES:
            return _error(40058, "markdown.content exceed max length 2048")
        if kind == "template_card" and (problem := card_problem(content)):
            return _error(42014, problem)
        return self._sent(body, kind, content)

    def _sent(self, body: dict[str, Any], kind: str, content: dict[str, Any]) -> Reply:
        users = [user for user in str(body.get("touser", "")).split("|") if user]
        unknown = [user for user in users if user not in self.members]
        if len(unknown) == len(users):
            return _error(81013, "user & party & tag all invalid")
        if not self._is_double(body):
            for user in users:
                if user in self.members:
                    self._show(user, kind, content)
        self._made += 1
        said = {"errcode": 0, "errmsg": "ok", "invaliduser": "|".join(unknown), "msgid": f"m{self._made}"}
        if kind == "template_card":
            self.cards[content["task_id"]] = content
            said["response_code"] = self.new_response_code(content["task_id"])
        if self.lose_answers:
            self.lose_answers -= 1
            return Reply(lost=True)
        return json_reply(said)

    def _is_double(self, body: dict[str, Any]) -> bool:
        same = {key: value for key, value in body.items() if "duplicate" not in key}
        digest, now = hashlib.sha256(repr(sorted(same.items())).encode()).hexdigest(), self.clock.now()
        window = body.get("duplicate_check_interval", 1800)
        was = self._bodies.get(digest)
        self._bodies[digest] = now
        if body.get("enable_duplicate_check") and was is not None and now - was < window:
            self.doubles += 1
            return True
        return False

    def _show(self, user: str, kind: str, content: dict[str, Any]) -> None:
        now = self.clock.now()
        was_cut = False
        if kind == "text" and len(str(content["content"]).encode()) > _MOST_BYTES:
            content = {"content": str(content["content"]).encode()[:_MOST_BYTES].decode("utf-8", "ignore")}
            was_cut = True
        shown = Shown(user_id=user, kind=kind, content=content, at=now, was_cut=was_cut)
        self._times[user] = [at for at in self._times[user] if at > now - 60]
        if len(self._times[user]) >= _PER_MINUTE:
            self.dropped.append(shown)
            return
        self._times[user].append(now)
        self.shown.append(shown)

    def _update(self, request: Request) -> Reply:
        body = request.json()
        task_id, until = self._codes.pop(str(body.get("response_code")), ("", 0.0))
        if not task_id or self.clock.now() >= until:
            return _error(42039, "invalid response_code")
        card = self.cards.setdefault(task_id, {"task_id": task_id})
        card.update(body.get("template_card") or {"replace_name": body["button"]["replace_name"]})
        return json_reply({"errcode": 0, "errmsg": "ok"})


def card_problem(card: dict[str, Any]) -> str:
    """Return what WeCom would refuse a template card for; empty if nothing."""
    kind = card.get("card_type")
    if kind not in ("text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction"):
        return "card_type"
    if not card.get("main_title", {}).get("title") and not card.get("sub_title_text"):
        return "main_title.title"
    if kind == "text_notice" and not card.get("card_action"):
        return "card_action"
    if kind == "button_interaction" and not (card.get("button_list") and card.get("task_id")):
        return "button_list"
    keys = [button["key"] for button in card.get("button_list", [])]
    if len(keys) > 6 or len(set(keys)) != len(keys) or any(len(key.encode()) > 1024 for key in keys):
        return "button_list"
    too_long = len(card.get("task_id", "")) > 128 or any(len(row["keyname"]) > 5 for row in _rows(card))
    return "too long" if too_long or len(_rows(card)) > 6 else ""


def _rows(card: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = card.get("horizontal_content_list", [])
    return rows


def _error(code: int, words: str = "") -> Reply:
    return json_reply({"errcode": code, "errmsg": words or _WORDS.get(code, "error")})
