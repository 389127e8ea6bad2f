"""Suggestions, decisions, cases and the chat interface over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Any

import httpx
import pytest

from agent.exports import ExportFormat, read_aigc
from api.events import with_heartbeats
from api.testing import TALK, QuotingCoach, SetSearch, TestParts, client_of, key_for
from domain.cases import CaseHit, Outcome, Passage, PassageHit
from domain.errors import ModelError
from domain.suggestions import StartedOver, StreamEvent
from store.keys import Role
from store.work import Store


class TestSuggestions:
    async def test_an_answer_is_an_envelope_whose_decision_can_be_looked_up(self, client: httpx.AsyncClient) -> None:
        envelope = (await client.post("/v1/ask", json={"text": "太贵了怎么回"})).json()
        decision = (await client.get(f"/v1/decisions/{envelope['decision_id']}")).json()
        assert envelope["suggestions"][0]["what"] == TALK
        assert envelope["label"] == "由AI生成，仅供参考，请核实后使用"
        assert decision["envelope"] == envelope
        assert decision["chain"]["index"] == 0

    async def test_each_verified_sentence_is_an_event(self, client: httpx.AsyncClient) -> None:
        answered = await client.post("/v1/replies", json={"text": "太贵了"}, headers={"accept": "text/event-stream"})
        events = [block.split("\n") for block in answered.text.strip().split("\n\n")]
        named = [(lines[0], json.loads(lines[1].removeprefix("data: "))) for lines in events]
        assert [name for name, _ in named] == ["event: sentence", "event: sentence", "event: result"]
        assert [body["claim"]["text"] for _, body in named[:2]] == ["先确认排期。", "再谈折扣。"]
        assert named[0][1]["claim"]["citations"][0]["quote"] == "先确认排期。"
        assert named[2][1]["suggestions"][0]["what"] == TALK

    async def test_a_failure_in_a_stream_is_an_event(
        self, parts: TestParts, api_store: Store, key: dict[str, str]
    ) -> None:
        failing = replace(parts, coach=QuotingCoach(api_store, failure=ModelError("store.busy")))
        async with client_of(failing, **key, accept="text/event-stream") as client:
            answered = await client.post("/v1/ask", json={"text": "太贵了"})
        assert answered.text.startswith('event: error\ndata: {"code":"store.busy","status":503')

    async def test_an_abstention_is_an_answer(self, client: httpx.AsyncClient) -> None:
        answered = await client.post("/v1/ask", json={"text": "有没有依据"})
        assert (answered.status_code, answered.json()["reason_code"]) == (200, "no_evidence")

    async def test_what_is_stored_can_be_named(self, client: httpx.AsyncClient, coach: QuotingCoach) -> None:
        turns = [{"id": "m1", "speaker": "customer", "text": "太贵了"}]
        await client.post("/v1/conversations", json={"id": "talk-1", "kind": "chat", "turns": turns})
        await client.put("/v1/deals/D1", json={"name": "二期"})
        await client.put("/v1/accounts/A1", json={"name": "华星"})
        body = {"text": "怎么回", "conversation_id": "talk-1", "deal_id": "D1", "account_id": "A1"}
        assert (await client.post("/v1/replies", json=body)).status_code == 200
        asked = coach.asked[0]
        assert [asked[name].turns[0].text if name == "conversation" else asked[name].name for name in
                ("conversation", "deal", "account")] == ["太贵了", "二期", "华星"]  # fmt: skip

    async def test_bare_turns_are_a_conversation(self, client: httpx.AsyncClient, coach: QuotingCoach) -> None:
        turns = [{"speaker": "customer", "text": "太贵了"}]
        for conversation in (turns, {"turns": turns}, {"id": "mine", "turns": turns}):
            await client.post("/v1/ask", json={"text": "怎么回", "conversation": conversation})
        bare, without_id, with_id = (asked["conversation"].id for asked in coach.asked)
        assert (bare == without_id, bare.startswith("inline-"), with_id) == (True, True, "mine")

    async def test_a_brief_takes_stored_and_sent_conversations(
        self, client: httpx.AsyncClient, coach: QuotingCoach
    ) -> None:
        talk = {"id": "talk-1", "turns": [{"speaker": "customer", "text": "太贵了"}]}
        await client.post("/v1/conversations", json=talk)
        body = {"account": {"name": "华星"}, "conversations": [{**talk, "id": "t2"}], "conversation_ids": ["talk-1"]}
        assert (await client.post("/v1/briefs", json=body)).status_code == 200
        assert [talk.id for talk in coach.asked[0]["conversations"]] == ["t2", "talk-1"]

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/v1/ask", {"text": ""}, 422),
            ("/v1/ask", {"text": "长" * 20_001}, 422),
            ("/v1/ask", {"text": "怎么回", "deal_id": "none"}, 404),
            ("/v1/ask", {"text": "怎么回", "account_id": "none"}, 404),
            ("/v1/replies", {"text": "怎么回", "conversation_id": "none"}, 404),
            ("/v1/briefs", {}, 422),
        ],
    )
    async def test_what_cannot_be_answered_is_refused(
        self, client: httpx.AsyncClient, path: str, body: dict[str, object], status: int
    ) -> None:
        assert (await client.post(path, json=body)).status_code == status

    async def test_a_rep_cannot_ask_about_a_colleagues_conversation(
        self, client: httpx.AsyncClient, parts: TestParts, api_store: Store
    ) -> None:
        talk = {"id": "talk-1", "rep_id": "r2", "turns": [{"speaker": "customer", "text": "太贵了"}]}
        await client.post("/v1/conversations", json=talk)
        header = await key_for(api_store, "acme", role=Role.REP, rep_id="r1")
        async with client_of(parts, **header) as rep:
            answered = await rep.post("/v1/ask", json={"text": "说了什么", "conversation_id": "talk-1"})
        assert answered.status_code == 404


class TestDecisions:
    async def test_feedback_is_kept_and_counted(self, client: httpx.AsyncClient) -> None:
        decision_id = (await client.post("/v1/ask", json={"text": "太贵了"})).json()["decision_id"]
        for action in ("accept", "edit", "challenge"):
            body = {"action": action, "suggestion_id": "s1"}
            assert (await client.post(f"/v1/decisions/{decision_id}/feedback", json=body)).status_code == 204
        decision = (await client.get(f"/v1/decisions/{decision_id}")).json()
        metrics = (await client.get("/v1/trust/metrics")).json()
        assert [each["action"] for each in decision["feedback"]] == ["accept", "edit", "challenge"]
        assert metrics["suggestions"] == 1
        assert {name: metrics[name]["value"] for name in ("traceability", "challenge", "correction")} == {
            "traceability": 1.0,
            "challenge": 1.0,
            "correction": 1.0,
        }

    async def test_the_chain_is_verified(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/v1/audit/verify")).json() == {"ok": True, "checked": 0, "first_broken": None}
        await client.post("/v1/ask", json={"text": "太贵了"})
        assert (await client.get("/v1/audit/verify")).json() == {"ok": True, "checked": 1, "first_broken": None}

    async def test_decisions_are_listed_newest_first(self, client: httpx.AsyncClient) -> None:
        ids = [(await client.post("/v1/ask", json={"text": "太贵了"})).json()["decision_id"] for _ in range(3)]
        first = (await client.get("/v1/decisions", params={"limit": 2})).json()
        rest = (await client.get("/v1/decisions", params={"limit": 2, "cursor": first["next_cursor"]})).json()
        assert [each["decision_id"] for each in first["data"] + rest["data"]] == ids[::-1]
        assert "太贵了" not in json.dumps(first, ensure_ascii=False)

    async def test_an_erased_decision_shows_its_tombstone(self, client: httpx.AsyncClient, api_store: Store) -> None:
        decision_id = (await client.post("/v1/ask", json={"text": "太贵了"})).json()["decision_id"]
        async with api_store.begin("acme") as work:
            await work.decisions.erase_payload(decision_id, "rcpt-1")
        left = (await client.get(f"/v1/decisions/{decision_id}")).json()
        assert (left["receipt"], "envelope" in left) == ("rcpt-1", False)


CASE = {
    "id": "C-1",
    "title": "降本三成",
    "outcome": "won",
    "industry": "化工",
    "customer_question": "太贵了",
    "blocker": "预算只有八十万",
    "talk_track": "先确认排期，再谈折扣。",
    "result": "六周后签约",
}


class TestCases:
    async def test_a_case_lives_from_draft_to_published_to_retired(self, client: httpx.AsyncClient) -> None:
        made = await client.post("/v1/cases", json=CASE)
        assert (made.status_code, made.json()["state"]["status"]) == (201, "draft")
        assert (await client.get("/v1/sources/case:C-1:blocker")).status_code == 404
        states = []
        for step in ("submit", "approve", "retire"):
            moved = await client.post(f"/v1/cases/C-1/{step}", json={"why": "评审"})
            source = await client.get("/v1/sources/case:C-1:blocker")
            states.append((moved.json()["state"]["status"], source.json().get("status", 404)))
        assert [status for status, _ in states] == ["submitted", "published", "retired"]
        assert [source for _, source in states] == [404, "live", "retired"]
        assert (await client.post("/v1/cases/C-1/approve", json={})).status_code == 409

    async def test_an_edit_is_a_version_with_its_difference(self, client: httpx.AsyncClient) -> None:
        etag = (await client.post("/v1/cases", json=CASE)).headers["etag"]
        edited = {**CASE, "result": "八周后签约"}
        assert (await client.put("/v1/cases/C-1", json=edited, headers={"if-match": etag})).status_code == 200
        assert (await client.put("/v1/cases/C-1", json=CASE, headers={"if-match": etag})).status_code == 412
        history = (await client.get("/v1/cases/C-1/versions")).json()
        assert history["versions"][1]["changed"] == {"result": {"before": "六周后签约", "after": "八周后签约"}}
        assert [event["action"] for event in history["events"]] == ["save", "save"]

    async def test_bad_and_double_cases_are_refused(self, client: httpx.AsyncClient) -> None:
        assert (await client.post("/v1/cases", json={**CASE, "blocker": " "})).status_code == 422
        await client.post("/v1/cases", json=CASE)
        assert (await client.post("/v1/cases", json=CASE)).status_code == 409
        assert (await client.put("/v1/cases/C-2", json=CASE)).status_code == 422
        assert (await client.get("/v1/cases/C-2")).status_code == 404
        assert (await client.get("/v1/cases/C-2/versions")).status_code == 404

    async def test_the_review_queue_is_a_list(self, client: httpx.AsyncClient) -> None:
        for name in ("C-1", "C-2"):
            await client.post("/v1/cases", json={**CASE, "id": name})
        await client.post("/v1/cases/C-2/submit", json={})
        queue = (await client.get("/v1/cases", params={"status": "submitted"})).json()
        assert [case["id"] for case in queue["data"]] == ["C-2"]

    async def test_a_hit_shows_its_scores_and_best_passage(self, parts: TestParts, key: dict[str, str]) -> None:
        passage = Passage(
            id="p1", source_id="case:C-1:blocker", version=1, column="blocker", start=0, end=7, text="预算只有八十万"
        )
        found = PassageHit(passage=passage, score=0.9, dense=0.71, lexical=8.2)
        hit = CaseHit(case_id="C-1", score=0.9, dense=0.71, lexical=8.2, outcome=Outcome.WON, passages=(found,))
        search = SetSearch([hit])
        async with client_of(replace(parts, search=search), **key) as client:
            params = [("q", "太贵了"), ("k", "3"), ("facet", "industry=化工"), ("facet", "industry=制造业")]
            answered = (await client.get("/v1/cases/search", params=params)).json()
            refused = await client.get("/v1/cases/search", params={"q": "太贵了", "facet": "color=red"})
        assert answered["hits"][0]["passage"] == {
            "source_id": "case:C-1:blocker",
            "version": 1,
            "start": 0,
            "end": 7,
            "quote": "预算只有八十万",
            "score": 0.9,
            "dense": 0.71,
            "lexical": 8.2,
        }
        assert search.asked == [
            {"tenant": "acme", "text": "太贵了", "top_k": 3, "facets": {"industry": ["化工", "制造业"]}}
        ]
        assert refused.status_code == 422


class TestChat:
    async def test_the_official_client_can_chat_with_the_coach(self, parts: TestParts, key: dict[str, str]) -> None:
        from openai import AsyncOpenAI, BadRequestError, NotFoundError

        async with client_of(parts) as http:
            client = AsyncOpenAI(
                api_key=key["authorization"].removeprefix("Bearer "), base_url="http://test/v1", http_client=http
            )
            models = [model.id async for model in await client.models.list()]
            question = [{"role": "system", "content": "x"}, {"role": "user", "content": "太贵了怎么回"}]
            whole = await client.chat.completions.create(model="zhanqing", messages=question)
            pieces = [
                piece
                async for piece in await client.chat.completions.create(
                    model="zhanqing-reply", messages=question, stream=True, stream_options={"include_usage": True}
                )
            ]
            with pytest.raises(NotFoundError) as unknown:
                await client.chat.completions.create(model="gpt", messages=question)
            with pytest.raises(BadRequestError):
                await client.chat.completions.create(model="zhanqing", messages=[])
        content = whole.choices[0].message.content or ""
        streamed = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        assert models == ["zhanqing", "zhanqing-reply"]
        assert content.startswith(
            "【交换条件】先确认排期。[1]再谈折扣。[2]\n\n出处\n[1] 话术：“先确认排期。”（doc:talk）"
        )
        assert content.endswith("由AI生成，仅供参考，请核实后使用")
        assert whole.model_extra["zhanqing"]["suggestions"][0]["what"] == TALK
        assert streamed == content
        assert pieces[-1].usage is not None and pieces[-1].usage.total_tokens == 0
        assert unknown.value.code == "api.no_model"

    async def test_an_abstention_says_why(self, client: httpx.AsyncClient) -> None:
        body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "有没有依据"}]}]}
        answered = (await client.post("/v1/chat/completions", json=body)).json()
        assert answered["choices"][0]["message"]["content"].startswith("没有找到依据，请补充资料。")

    async def test_errors_have_openais_shape(self, parts: TestParts, client: httpx.AsyncClient) -> None:
        several = {"messages": [{"role": "user", "content": "好"}], "n": 2}
        refused = await client.post("/v1/chat/completions", json=several)
        async with client_of(parts) as nobody:
            unknown = await nobody.get("/v1/models")
        assert refused.json()["error"]["code"] == "api.one_choice_only"
        assert (unknown.status_code, unknown.json()["error"]["type"]) == (401, "authentication_error")

    async def test_a_failure_in_a_stream_is_told(self, parts: TestParts, api_store: Store, key: dict[str, str]) -> None:
        failing = replace(parts, coach=QuotingCoach(api_store, failure=ModelError("store.busy")))
        body = {"messages": [{"role": "user", "content": "好"}], "stream": True}
        async with client_of(failing, **key) as client:
            answered = await client.post("/v1/chat/completions", json=body)
        assert '"code": "store.busy"' in answered.text


async def test_whoever_stops_listening_stops_the_source() -> None:
    closed = []

    async def endless() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    events = with_heartbeats(endless())
    assert await anext(events) == 1
    await events.aclose()
    assert closed == [True]


async def test_a_restart_is_an_event(parts: TestParts, coach: QuotingCoach, key: dict[str, str]) -> None:
    async def interrupted(tenant: str, text: str, **around: Any) -> AsyncIterator[StreamEvent]:
        yield StartedOver()
        yield await coach.ask(tenant, text)

    coach.stream_ask = interrupted  # type: ignore[method-assign]  # one answer of this test's own
    async with client_of(parts, **key, accept="text/event-stream") as client:
        answered = await client.post("/v1/ask", json={"text": "太贵了"})
    assert answered.text.startswith("event: restart\n")
    assert "event: result\n" in answered.text


async def test_a_preparation_is_an_envelope_of_its_kind(client: httpx.AsyncClient, coach: QuotingCoach) -> None:
    answered = await client.post("/v1/preparations", json={"kind": "practice", "text": "客户嫌上线太慢"})
    assert (answered.status_code, answered.json()["kind"]) == (200, "practice")
    assert coach.asked[0]["text"] == "客户嫌上线太慢"


async def test_a_preparation_about_nothing_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/preparations", json={"kind": "summary"})).status_code == 422


@pytest.mark.parametrize("form", ["md", "html", "docx"])
async def test_a_suggestion_is_exported_with_its_label(form: str, client: httpx.AsyncClient) -> None:
    envelope = (await client.post("/v1/briefs", json={"account": {"name": "华星"}})).json()
    answered = await client.get(f"/v1/decisions/{envelope['decision_id']}/export", params={"format": form})
    assert answered.status_code == 200
    assert asdict(read_aigc(answered.content, ExportFormat(form))) == envelope["aigc"]


async def test_an_unknown_form_or_decision_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/decisions/d-none/export", params={"format": "md"})).status_code == 404
    assert (await client.get("/v1/decisions/d-none/export", params={"format": "pdf"})).status_code == 422


async def test_a_decision_shows_which_of_its_sources_are_gone(client: httpx.AsyncClient, api_store: Store) -> None:
    envelope = (await client.post("/v1/ask", json={"text": "太贵了怎么回"})).json()
    path = f"/v1/decisions/{envelope['decision_id']}"
    assert (await client.get(path)).json()["tombstones"] == []
    async with api_store.begin("acme") as work:
        await work.sources.retire("doc:talk")
    gone = (await client.get(path)).json()["tombstones"]
    assert gone == [{"source_id": "doc:talk", "version": 1, "status": "retired"}]
