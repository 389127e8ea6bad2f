"""The authorization matrix, generated from the routes: every route × role × own, a colleague's or another tenant's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.fields import FieldRule, matrix
from api.parts import ApiLimits
from api.testing import QuotingCoach, TestParts, key_for
from domain.accounts import Account, Contact, Deal
from domain.conversation import ConversationKind, Transcript, Turn
from language.pii import MASK
from store.calls import CallDetails
from store.keys import ALL_SCOPES, SCOPES_OF_ROLE, ApiScope, Role
from store.people import Rep, Team
from store.testing import SteppingClock
from store.work import Store

PHONE = "13800138000"
OWNED = ("call_id", "conversation_id", "decision_id", "source_id")
"""Path parameters whose objects belong to a rep; what hangs on others is the whole tenant's."""

BODIES = {
    "/v1/conversations/{conversation_id}/turns": {"turns": []},
    "/v1/decisions/{decision_id}/feedback": {"action": "accept"},
}
QUERIES = {
    "/v1/calls/{call_id}/activity": {"system": "hubspot"},
    "/v1/decisions/{decision_id}/export": {"format": "md"},
}
CALLERS = {
    "own": (Role.REP, "r1", None),
    "colleague": (Role.REP, "r2", None),
    "granted": (Role.REP, "r4", None),
    "lead": (Role.MANAGER, None, "east"),
    "other lead": (Role.MANAGER, None, "west"),
    "admin": (Role.ADMIN, None, None),
    "crm": (Role.INTEGRATION, None, None),
}
SEES = {"own", "granted", "lead", "admin", "crm"}


class _NoParts:
    limits = ApiLimits()


def routes() -> list[tuple[str, str]]:
    paths = create_app(_NoParts()).openapi()["paths"]  # type: ignore[arg-type]  # only its routes are read
    return sorted((method.upper(), path) for path, item in paths.items() for method in item)


ROUTES = [(method, path) for method, path in routes() if path not in ("/healthz", "/readyz")]
BOUND = [(method, path) for method, path in ROUTES if any(f"{{{name}}}" in path for name in OWNED)]


@pytest.fixture
async def names(api_store: Store, coach: QuotingCoach, tmp_path: Path, clock: SteppingClock) -> dict[str, str]:
    """One of each thing of the rep r1, and what was granted to r4."""
    path = tmp_path / "call.ogg"
    path.write_bytes(b"OggS\x00\x02" + bytes(300))
    with path.open("rb") as audio:
        kept = await api_store.keep_file("acme", audio)
    turns = (Turn(id="t1", speaker="customer", text=f"太贵了，打我电话{PHONE}"),)
    async with api_store.begin("acme") as work:
        for team in ("east", "west"):
            await work.people.put_team(Team(team_id=team, name=team))
        for rep_id, team in (("r1", "east"), ("r2", "west"), ("r4", "west")):
            await work.people.put_rep(Rep(rep_id=rep_id, name=f"{rep_id} 的姓名", team_id=team))
        call = await work.calls.submit(kept, CallDetails(rep_id="r1"), media_type="audio/ogg")
        await work.conversations.put(Transcript(id="talk-1", kind=ConversationKind.CHAT, rep_id="r1", turns=turns))
        account = Account(
            account_id="A1",
            name="华星电子",
            owner="r1 的姓名",
            amount_cny=5e6,
            contacts=(Contact(name="赵强", title="采购总监"),),
            notes="只谈年框",
            extra={"跟进": f"电话{PHONE}"},
        )
        await work.accounts.put(account)
        await work.deals.put(Deal(deal_id="D1", account_id="A1", name="二期", owner="r1", amount_cny=2e6))
        ends_at = clock() + timedelta(days=1)
        given = {"call": call.call_id, "conversation": "talk-1", "account": "A1", "deal": "D1"}
        for kind, object_id in given.items():
            await work.access.grant(
                "r4", object_kind=kind, object_id=object_id, ends_at=ends_at, granted_by="m", why="代班"
            )
    envelope = await coach.ask("acme", "怎么回", rep_id="r1")
    async with api_store.begin("acme") as work:
        grant = await work.access.grant(
            "r4", object_kind="decision", object_id=envelope.decision_id, ends_at=ends_at, granted_by="m", why="代班"
        )
    return {
        "call_id": call.call_id,
        "conversation_id": "talk-1",
        "decision_id": envelope.decision_id,
        "source_id": "turn:talk-1:t1",
        "account_id": "A1",
        "deal_id": "D1",
        "grant_id": grant.grant_id,
    }


@pytest.fixture
async def callers(parts: TestParts, api_store: Store) -> AsyncIterator[dict[tuple[str, str], httpx.AsyncClient]]:
    """A client for each caller in each tenant, with every scope that a key can carry."""
    transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
    async with AsyncExitStack() as stack:
        found = {}
        for tenant in ("acme", "other"):
            for name, (role, rep_id, team_id) in CALLERS.items():
                header = await key_for(api_store, tenant, role=role, rep_id=rep_id, team_id=team_id)
                client = httpx.AsyncClient(transport=transport, base_url="http://test", headers=header)
                found[tenant, name] = await stack.enter_async_context(client)
        yield found


def address(path: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{", "no-").replace("}", "")


async def ask(client: httpx.AsyncClient, method: str, path: str, names: dict[str, str]) -> httpx.Response:
    return await client.request(method, address(path, names), json=BODIES.get(path, {}), params=QUERIES.get(path))


class TestRoles:
    @pytest.mark.parametrize("name", CALLERS)
    async def test_no_role_gets_beyond_its_scopes(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], name: str
    ) -> None:
        """A rep's or manager's key with the scope admin is still no administrator's."""
        allowed = ApiScope.ADMIN in SCOPES_OF_ROLE[CALLERS[name][0]]
        admin_only = {
            (method, path)
            for method, path in ROUTES
            if b"api.missing_scope" in (await ask(callers["acme", "colleague"], method, path, {})).content
        }
        assert len(admin_only) > 15
        refused = {
            each
            for each in admin_only
            if (await ask(callers["acme", name], *each, {"key_id": "none"})).status_code == 403
        }
        assert refused == (set() if allowed else admin_only)

    @pytest.mark.parametrize("name", CALLERS)
    async def test_what_belongs_to_a_rep_is_seen_by_whom_it_should(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], name: str, api_store: Store
    ) -> None:
        answers = {
            (method, path): (await ask(callers["acme", name], method, path, names)).status_code
            for method, path in BOUND
            if path != "/v1/calls/{call_id}/events"
        }
        async with api_store.read("acme") as work:
            refusals = await work.access.log(limit=99, allowed=False)
        assert len(answers) >= 8
        if name in SEES:
            assert {each: status for each, status in answers.items() if status in (403, 404)} == {}
        else:
            assert {each: status for each, status in answers.items() if status != 404} == {}
            assert {each.action for each in refusals} == {f"{method} {path}" for method, path in answers}
            assert {each.why for each in refusals} == {"not_visible"}

    @pytest.mark.parametrize("name", CALLERS)
    async def test_another_tenants_things_are_missing_to_every_role(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], name: str
    ) -> None:
        named = [(method, path) for method, path in ROUTES if address(path, names) != address(path, {})]
        reached = {}
        for method, path in named:
            if method == "PUT":
                continue  # makes the caller's own record of that id
            status = (await ask(callers["other", name], method, path, names)).status_code
            if status not in (403, 404):
                reached[method, path] = status
        assert len(named) > 12
        assert reached == {}

    @pytest.mark.parametrize("name", CALLERS)
    async def test_lists_hold_what_the_role_sees(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], name: str
    ) -> None:
        listed = {"call_id": "/v1/calls", "conversation_id": "/v1/conversations", "decision_id": "/v1/decisions"}
        seen = {
            each
            for each, path in listed.items()
            if names[each] in json.dumps((await callers["acme", name].get(path)).json())
        }
        assert seen == (set(listed) if name in SEES - {"granted"} else set())


class TestFields:
    def test_the_matrix_has_every_row_and_a_rule_for_every_field(self) -> None:
        rows = {"own", "rep", "team", "manager", "admin", "integration"}
        for kind, table in matrix().items():
            assert set(table) == rows, kind
            assert all("*" in cells for cells in table.values())
            known = set(Account.__dataclass_fields__ if kind == "account" else Deal.__dataclass_fields__)
            assert {name for cells in table.values() for name in cells} - {"*"} <= known
            assert all(rule is FieldRule.SHOW for row in ("own", "team", "admin") for rule in table[row].values())

    @pytest.mark.parametrize("name", CALLERS)
    async def test_a_record_shows_each_role_what_the_matrix_says_alone_listed_and_as_a_source(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], name: str
    ) -> None:
        client = callers["acme", name]
        record = (await client.get("/v1/accounts/A1")).json()
        (listed,) = (await client.get("/v1/accounts")).json()["data"]
        field = (await client.get("/v1/sources/crm:account:A1:notes")).json()
        extra = (await client.get("/v1/sources/crm:account:A1:跟进")).json()
        assert record == listed
        assert record["name"] == "华星电子"
        if name in SEES:
            assert (record["amount_cny"], record["contacts"][0]["name"]) == (5e6, "赵强")
            assert (record["notes"], field["text"]) == ("只谈年框", "只谈年框")
            assert PHONE in record["跟进"] and PHONE in extra["text"]
        else:
            assert "amount_cny" not in record or name == "other lead"
            assert record["contacts"][0]["name"] == MASK * 2
            assert record["notes"] == field["text"] == MASK * 4
            assert record["跟进"] == extra["text"] == "电话" + MASK * 11

    @pytest.mark.parametrize(("name", "whole"), [("own", True), ("lead", True), ("admin", True), ("granted", False)])
    async def test_what_a_colleague_shares_comes_without_personal_data(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], name: str, whole: bool
    ) -> None:
        client = callers["acme", name]
        (turn,) = (await client.get("/v1/conversations/talk-1")).json()["turns"]
        source = (await client.get("/v1/sources/turn:talk-1:t1")).json()
        assert turn["text"] == source["text"] == "太贵了，打我电话" + (PHONE if whole else MASK * len(PHONE))

    @pytest.mark.parametrize("path", ["/v1/accounts/A1", "/v1/deals/D1"])
    async def test_what_is_somebody_elses_is_not_changed(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], path: str, api_store: Store
    ) -> None:
        statuses = {
            name: (await callers["acme", name].put(path, json={"name": "新名", "owner": "r1"})).status_code
            for name in CALLERS
        }
        assert statuses == {name: 200 if name in SEES else 403 for name in CALLERS}
        async with api_store.read("acme") as work:
            refusals = await work.access.log(limit=9, allowed=False)
        assert [each.why for each in refusals] == ["not_yours"] * 2

    @pytest.mark.parametrize("path", ["/v1/ask", "/v1/replies", "/v1/briefs"])
    @pytest.mark.parametrize("about", [{"account_id": "A1"}, {"account": {"account_id": "A1", "name": "抢注"}}])
    async def test_nobody_is_coached_on_or_overwrites_what_is_somebody_elses(
        self,
        callers: dict[tuple[str, str], httpx.AsyncClient],
        names: dict[str, str],
        path: str,
        about: dict[str, object],
    ) -> None:
        body = {**about, **({} if path == "/v1/briefs" else {"text": "怎么回"})}
        statuses = {name: (await callers["acme", name].post(path, json=body)).status_code for name in CALLERS}
        assert statuses == {name: 200 if name in SEES else 403 for name in CALLERS}

    async def test_a_question_does_not_overwrite_a_colleagues_conversation(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], api_store: Store
    ) -> None:
        talk = {"id": "talk-1", "kind": "chat", "turns": [{"id": "t1", "speaker": "customer", "text": "换掉"}]}
        for path, body in {
            "/v1/ask": {"text": "问", "conversation": talk},
            "/v1/briefs": {"conversations": [talk]},
        }.items():
            assert (await callers["acme", "colleague"].post(path, json=body)).status_code == 404
            assert (await callers["acme", "own"].post(path, json=body)).status_code == 200
        async with api_store.read("acme") as work:
            assert [each.why for each in await work.access.log(limit=9, allowed=False)] == ["not_visible"] * 2


class TestHandingIn:
    async def test_what_a_rep_hands_in_is_their_own_whatever_they_say(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str]
    ) -> None:
        talk = {"id": "talk-9", "kind": "chat", "rep_id": "r1", "turns": [{"speaker": "rep", "text": "好"}]}
        assert (await callers["acme", "colleague"].post("/v1/conversations", json=talk)).status_code == 201
        assert (await callers["acme", "admin"].get("/v1/conversations/talk-9")).json()["rep_id"] == "r2"
        sent = {"files": {"audio": b"OggS\x00\x02" + bytes(300)}, "data": {"metadata": '{"rep_id": "r1"}'}}
        assert (await callers["acme", "colleague"].post("/v1/calls", **sent)).json()["rep_id"] == "r2"
        assert (await callers["acme", "crm"].post("/v1/calls", **sent)).json()["rep_id"] == "r1"

    async def test_a_consent_releases_only_what_its_sender_sees(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str]
    ) -> None:
        consent = {"reference": "rec-9", "subject": "A1", "call_ids": [names["call_id"]]}
        assert (await callers["acme", "colleague"].post("/v1/consents", json=consent)).status_code == 404
        assert (await callers["acme", "own"].post("/v1/consents", json=consent)).json()["released_calls"] == [
            names["call_id"]
        ]


class TestGrants:
    async def test_a_grant_opens_one_thing_until_it_ends(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str], clock: SteppingClock
    ) -> None:
        lead, rep = callers["acme", "lead"], callers["acme", "colleague"]
        talk = "/v1/conversations/talk-1"
        assert (await rep.get(talk)).status_code == 404
        ends_at = (clock() + timedelta(hours=1)).isoformat()
        body = {"rep_id": "r2", "object_kind": "conversation", "object_id": "talk-1", "ends_at": ends_at, "why": "代班"}
        made = await lead.post("/v1/grants", json=body)
        assert made.status_code == 201
        assert (await rep.get(talk)).status_code == 200
        assert [each["grant_id"] for each in (await rep.get("/v1/grants")).json()["data"]] == [made.json()["grant_id"]]
        clock.pass_s(3601)
        assert (await rep.get(talk)).status_code == 404

    async def test_a_grant_can_be_ended(
        self, callers: dict[tuple[str, str], httpx.AsyncClient], names: dict[str, str]
    ) -> None:
        lead, granted = callers["acme", "lead"], callers["acme", "granted"]
        assert (await granted.get(f"/v1/decisions/{names['decision_id']}")).status_code == 200
        assert (await lead.delete(f"/v1/grants/{names['grant_id']}")).status_code == 200
        assert (await granted.get(f"/v1/decisions/{names['decision_id']}")).status_code == 404

    @pytest.mark.parametrize(
        ("name", "days", "status"),
        [("own", 1, 403), ("other lead", 1, 404), ("lead", 31, 422), ("lead", -1, 422), ("admin", 30, 201)],
    )
    async def test_who_may_grant_what_for_how_long(
        self,
        callers: dict[tuple[str, str], httpx.AsyncClient],
        names: dict[str, str],
        clock: SteppingClock,
        name: str,
        days: int,
        status: int,
    ) -> None:
        ends_at = (clock() + timedelta(days=days)).isoformat()
        body = {"rep_id": "r2", "object_kind": "account", "object_id": "A1", "ends_at": ends_at, "why": "代班"}
        assert (await callers["acme", name].post("/v1/grants", json=body)).status_code == status


def test_every_scope_is_some_roles() -> None:
    assert frozenset().union(*SCOPES_OF_ROLE.values()) == ALL_SCOPES
