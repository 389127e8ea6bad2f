"""Documents, competitor cards, knowledge cards and the review of cases over HTTP."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

import docx
import httpx
import pypdf
import pytest

from api.testing import QuotingCoach, TestParts, client_of, key_for
from language.testing import HashingEncoder
from retrieval.search import CaseSearch
from store.keys import Role
from store.work import Store

CASE = {
    "id": "C-1",
    "title": "三周上线",
    "outcome": "won",
    "customer_question": "三周能不能上线？",
    "blocker": "信息科王建国主任担心排期",
    "talk_track": "先上一个科室。",
    "result": "第19天上线。",
}
COMPETITOR = {"competitor": "云帆", "text": "云帆标准版无移动端。", "origin": "官网 2026-03", "dated_on": "2026-03-01"}
TALK = {
    "id": "talk-1",
    "kind": "chat",
    "account_id": "A1",
    "turns": [
        {"id": "m1", "speaker": "customer", "text": "三周能不能上线？我的电话13800138000"},
        {"id": "m2", "speaker": "rep", "text": "先上一个科室。"},
        {"id": "m3", "speaker": "customer", "text": "好的"},
    ],
}


@pytest.fixture
def searching(api_store: Store, coach: QuotingCoach) -> TestParts:
    """Parts whose search is the real one."""
    return TestParts(store=api_store, coach=coach, search=CaseSearch(api_store, HashingEncoder()))


async def publish(client: httpx.AsyncClient, **changes: Any) -> None:
    case = {**CASE, **changes}
    await client.post("/v1/cases", json=case)
    for step in ("submit", "review", "approve"):
        assert (await client.post(f"/v1/cases/{case['id']}/{step}", json={})).status_code == 200


class TestDocuments:
    async def test_a_document_becomes_a_citable_source_that_is_found(
        self, searching: TestParts, key: dict[str, str]
    ) -> None:
        body = {
            "id": "price 2026",
            "title": "价格表",
            "text": "标准版12万元。\n联系人王建国，13800138000",
            "kind": "price_list",
        }
        async with client_of(searching, **key) as client:
            first = await client.post("/v1/documents", json=body | {"dated_on": "2026-03-01"})
            assert (first.status_code, first.headers["location"]) == (201, "/v1/documents/price_2026")
            shown = first.json()
            assert (shown["source_id"], shown["version"], shown["dated_on"]) == ("doc:price_2026", 1, "2026-03-01")
            assert shown["masked"] == {"name": 1, "phone": 1}
            assert "王建国" not in shown["text"]
            source = (await client.get("/v1/sources/doc:price_2026")).json()
            assert (source["kind"], source["status"], source["text"]) == ("doc", "live", shown["text"])
        assert await searching.search.search_documents("acme", "标准版多少钱")

    async def test_other_text_is_a_new_version_and_the_same_is_not(self, client: httpx.AsyncClient) -> None:
        body = {"id": "p", "title": "折扣政策", "text": "九折要审批。", "kind": "policy"}
        await client.post("/v1/documents", json=body)
        again = await client.post("/v1/documents", json=body)
        changed = await client.post("/v1/documents", json=body | {"text": "八折要审批。"})
        assert [again.status_code, again.json()["version"], changed.json()["version"]] == [200, 1, 2]
        old = (await client.get("/v1/sources/doc:p", params={"version": 1})).json()
        assert (old["status"], old["text"]) == ("superseded", "九折要审批。")

    async def test_a_retired_document_is_out_of_lists_and_not_found(
        self, searching: TestParts, key: dict[str, str]
    ) -> None:
        async with client_of(searching, **key) as client:
            for name in ("a", "b"):
                body = {"id": name, "title": name, "text": f"{name}：折扣政策", "kind": "policy"}
                await client.post("/v1/documents", json=body)
            assert (await client.post("/v1/documents/a/retire")).json()["status"] == "retired"
            listed = (await client.get("/v1/documents", params={"kind": "policy"})).json()["data"]
            assert [one["id"] for one in listed] == ["b"]
            assert (await client.get("/v1/sources/doc:a")).json()["status"] == "retired"
        hits = await searching.search.search_documents("acme", "折扣政策")
        assert {hit.passage.source_id for hit in hits} == {"doc:b"}

    async def test_a_word_file_is_read_and_others_are_refused(self, client: httpx.AsyncClient) -> None:
        word, kept = docx.Document(), BytesIO()
        word.add_paragraph("九折以上要总监审批。")
        word.save(kept)
        files = {"file": ("折扣.docx", kept.getvalue())}
        stored = await client.post("/v1/documents/files", files=files, data={"kind": "policy"})
        assert (stored.status_code, stored.json()["source_id"]) == (201, "doc:折扣")
        shown = (await client.get(stored.headers["location"])).json()
        assert (shown["kind"], shown["text"], shown["origin"]) == ("policy", "九折以上要总监审批。", "折扣.docx")
        for name, content, status in (
            ("x.exe", b"MZ", 422),
            ("x.docx", b"no archive", 422),
            ("x.txt", b"", 422),
            ("../../../x.md", "# 好".encode(), 201),
        ):
            answered = await client.post("/v1/documents/files", files={"file": (name, content)})
            assert answered.status_code == status, name

    async def test_a_file_that_cannot_be_read_says_why_and_leaves_nothing(self, client: httpx.AsyncClient) -> None:
        bomb, scan = BytesIO(), BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/document.xml", bytes(40 * 1024**2))
        blank = pypdf.PdfWriter()
        blank.add_blank_page(200, 200)
        blank.write(scan)
        for name, content, code in (
            ("bomb.docx", bomb.getvalue(), "retrieval.zip_bomb"),
            ("scan.pdf", scan.getvalue(), "retrieval.no_text"),
            ("torn.pdf", b"%PDF-1.7 torn", "retrieval.broken_file"),
            ("odd.txt", b"\xff\xfe\x00\xd8\x00\xd8", "retrieval.unknown_encoding"),
            ("x.exe", b"MZ", "retrieval.unknown_format"),
        ):
            answered = await client.post("/v1/documents/files", files={"file": (name, content)})
            assert (answered.status_code, answered.json()["code"]) == (422, code), name
        assert (await client.get("/v1/documents")).json()["data"] == []

    @pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-16-le", "utf-8-sig"])
    async def test_text_is_read_in_the_encodings_that_people_have(
        self, client: httpx.AsyncClient, encoding: str
    ) -> None:
        files = {"file": ("政策.txt", "退款政策\n七天内可以退款。".encode(encoding))}
        stored = await client.post("/v1/documents/files", files=files)
        assert (await client.get(stored.headers["location"])).json()["text"] == "退款政策\n七天内可以退款。"

    async def test_another_tenant_does_not_see_it(
        self, client: httpx.AsyncClient, parts: TestParts, stranger: dict[str, str]
    ) -> None:
        await client.post("/v1/documents", json={"id": "p", "title": "t", "text": "好"})
        async with client_of(parts, **stranger) as other:
            assert (await other.get("/v1/documents/p")).status_code == 404
            assert (await other.post("/v1/documents/p/retire")).status_code == 404
            assert (await other.get("/v1/documents")).json()["data"] == []


class TestCompetitorCards:
    async def test_a_card_is_dated_sourced_and_citable(self, client: httpx.AsyncClient) -> None:
        stored = await client.post("/v1/competitor-cards", json=COMPETITOR | {"aliases": ["YunFan"]})
        assert (stored.status_code, stored.json()["source_id"]) == (201, "card:云帆")
        assert (await client.get("/v1/sources/card:云帆")).json()["kind"] == "card"
        shown = (await client.get(stored.headers["location"])).json()
        assert (shown["id"], shown["dated_on"], shown["origin"]) == ("云帆", "2026-03-01", "官网 2026-03")
        names = (await client.get("/v1/lexicons")).json()
        assert names == [{"name": "云帆", "aliases": ["YunFan"], "kind": "competitor"}]

    @pytest.mark.parametrize("field", ["origin", "dated_on"])
    async def test_hearsay_is_refused(self, client: httpx.AsyncClient, field: str) -> None:
        body = {name: value for name, value in COMPETITOR.items() if name != field}
        assert (await client.post("/v1/competitor-cards", json=body)).status_code == 422

    async def test_a_retired_card_is_cited_no_more(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/competitor-cards", json=COMPETITOR)
        assert len((await client.get("/v1/competitor-cards")).json()["data"]) == 1
        await client.post("/v1/competitor-cards/云帆/retire")
        assert (await client.get("/v1/competitor-cards")).json()["data"] == []
        assert (await client.get("/v1/sources/card:云帆")).json()["status"] == "retired"
        assert (await client.get("/v1/documents/card:云帆")).status_code == 404


class TestKnowledgeCards:
    async def made(self, client: httpx.AsyncClient, **body: str) -> dict[str, Any]:
        await client.put("/v1/accounts/A1", json={"name": "一院", "industry": "医疗", "customer_size": "大型"})
        await client.put("/v1/accounts/A2", json={"name": "二院", "industry": "医疗", "customer_size": "中型"})
        await client.put("/v1/accounts/A3", json={"name": "钢厂", "industry": "钢铁", "customer_size": "中型"})
        await client.post("/v1/conversations", json=TALK)
        wanted = {"conversation_id": "talk-1", "first_turn": "m1", "last_turn": "m2", **body}
        answered = await client.post("/v1/cards", json=wanted)
        assert answered.status_code == 201, answered.text
        found: dict[str, Any] = answered.json()
        return found

    async def test_a_span_becomes_a_masked_card_with_scored_links(
        self, searching: TestParts, key: dict[str, str]
    ) -> None:
        async with client_of(searching, **key) as client:
            await publish(client)
            await publish(client, id="C-2", outcome="lost", customer_question="三周上线能保证吗？")
            await client.post("/v1/documents", json={"id": "d", "title": "上线手册", "text": "三周上线的前提。"})
            card = await self.made(client)
        links = card["links"]
        assert (card["status"], card["source_id"], card["masked"]) == ("draft", None, {"phone": 1})
        for turn, said in zip(
            card["turns"], ("三周能不能上线？我的电话＊＊＊＊＊＊＊＊＊＊＊", "先上一个科室。"), strict=True
        ):
            assert card["text"][turn["start"] : turn["end"]] == said
        assert [(one["account_id"], one["same"]) for one in links["similar_customers"]] == [("A2", ["industry"])]
        assert {(one["case_id"], one["use"]) for one in links["past_solutions"]} == {
            ("C-1", "advice"),
            ("C-2", "lesson"),
        }
        assert [one["source_id"] for one in links["documents"]] == ["doc:d"]
        scores = [one["score"] for one in links["past_solutions"]]
        assert scores == sorted(scores, reverse=True)
        assert all(isinstance(one["score"], float) for group in links.values() for one in group)

    async def test_a_draft_is_found_by_nobody_until_it_is_approved(
        self, searching: TestParts, key: dict[str, str]
    ) -> None:
        async with client_of(searching, **key) as client:
            card = await self.made(client)
            assert await searching.search.search_documents("acme", "三周上线") == ()
            approved = (await client.post(f"/v1/cards/{card['id']}/approve")).json()
            (hit, *_) = await searching.search.search_documents("acme", "三周上线")
            assert hit.passage.source_id == approved["source_id"] == f"doc:{card['id']}"
            assert (await client.get(f"/v1/sources/{approved['source_id']}")).json()["text"] == card["text"]
            await client.post(f"/v1/cards/{card['id']}/retire")
            assert await searching.search.search_documents("acme", "三周上线") == ()
            assert (await client.post(f"/v1/cards/{card['id']}/approve")).status_code == 409

    async def test_an_erased_conversation_takes_its_cards_along(self, client: httpx.AsyncClient) -> None:
        draft = await self.made(client)
        live = await self.made(client)
        await client.post(f"/v1/cards/{live['id']}/approve")
        await client.post("/v1/subjects/A1/erase")
        for card in (draft, live):
            shown = (await client.get(f"/v1/cards/{card['id']}")).json()
            assert (shown["status"], shown["title"], "text" in shown) == ("erased", "", False)
        assert (await client.get(f"/v1/sources/doc:{live['id']}")).json()["text"] == ""

    async def test_a_recalled_turn_takes_the_cards_that_hold_it_along(self, client: httpx.AsyncClient) -> None:
        with_it = await self.made(client)
        without = await self.made(client, first_turn="m3", last_turn="m3")
        await client.post("/v1/conversations/talk-1/turns", json={"recalled": ["m2"]})
        states = [(await client.get(f"/v1/cards/{card['id']}")).json()["status"] for card in (with_it, without)]
        assert states == ["erased", "draft"]

    async def test_a_rep_does_not_see_anothers_draft(
        self, client: httpx.AsyncClient, parts: TestParts, api_store: Store
    ) -> None:
        card = await self.made(client)
        header = await key_for(api_store, "acme", role=Role.REP, rep_id="r9")
        async with client_of(parts, **header) as other:
            assert (await other.get(f"/v1/cards/{card['id']}")).status_code == 404
            assert (await other.get("/v1/cards", params={"drafts": True})).json()["data"] == []
            body = {"conversation_id": "talk-1", "first_turn": "m1"}
            assert (await other.post("/v1/cards", json=body)).status_code == 404

    @pytest.mark.parametrize(("first", "last"), [("m9", "m9"), ("m2", "m1"), ("m1", "m9")])
    async def test_a_span_that_is_none_is_refused(self, client: httpx.AsyncClient, first: str, last: str) -> None:
        await client.post("/v1/conversations", json=TALK)
        body = {"conversation_id": "talk-1", "first_turn": first, "last_turn": last}
        assert (await client.post("/v1/cards", json=body)).status_code == 422


class TestCases:
    async def test_what_a_case_says_of_people_is_masked_and_reported(self, client: httpx.AsyncClient) -> None:
        stored = (await client.post("/v1/cases", json=CASE)).json()
        assert stored["masked"] == {"blocker": {"name": 1}}
        assert "王建国" not in (await client.get("/v1/cases/C-1")).text

    async def test_the_review_goes_step_by_step(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/cases", json=CASE)
        assert (await client.post("/v1/cases/C-1/review", json={})).status_code == 409
        states = [
            (await client.post(f"/v1/cases/C-1/{step}", json={"why": "看过"})).json()["state"]["status"]
            for step in ("submit", "review", "reject", "submit", "approve", "retire")
        ]
        assert states == ["submitted", "in_review", "rejected", "submitted", "published", "retired"]
        events = (await client.get("/v1/cases/C-1/versions")).json()["events"]
        assert [event["action"] for event in events][1:3] == ["submit", "review"]
        assert events[-1]["why"] == "看过"

    async def test_a_duplicate_is_a_warning_at_submission(self, searching: TestParts, key: dict[str, str]) -> None:
        async with client_of(searching, **key) as client:
            await publish(client)
            await client.post("/v1/cases", json={**CASE, "id": "C-2"})
            await client.post("/v1/cases", json={**CASE, "id": "C-3"})
            second = await client.post("/v1/cases/C-2/submit", json={})
            third = await client.post("/v1/cases/C-3/submit", json={})
        assert (second.status_code, second.json()["duplicates"]) == (200, ["C-1"])
        assert third.json()["duplicates"] == ["C-1", "C-2"]

    async def test_any_two_versions_are_compared(self, client: httpx.AsyncClient) -> None:
        for result in ("第19天上线。", "第20天上线。", "第21天上线。"):
            body = {**CASE, "result": result}
            await (
                client.put("/v1/cases/C-1", json=body) if "19" not in result else client.post("/v1/cases", json=body)
            )
        newest = (await client.get("/v1/cases/C-1/diff")).json()
        assert newest == {
            "before": 2,
            "after": 3,
            "changed": {"result": {"before": "第20天上线。", "after": "第21天上线。"}},
        }
        whole = (await client.get("/v1/cases/C-1/diff", params={"before": 1, "after": 3})).json()
        assert whole["changed"]["result"]["before"] == "第19天上线。"
        assert (await client.get("/v1/cases/C-1/diff", params={"after": 4})).status_code == 404

    async def test_taking_over_a_suggestion_earns_its_cases_contributor_points(
        self, client: httpx.AsyncClient, parts: TestParts, api_store: Store
    ) -> None:
        writer = await key_for(api_store, "acme", rep_id="林晓", role=Role.ADMIN)
        async with client_of(parts, **writer) as author:
            await publish(author)
        decision_id = await decide(api_store)
        for by in ("何嘉", "何嘉", "林晓"):
            body = {"action": "accept", "suggestion_id": "s1", "by": by}
            assert (await client.post(f"/v1/decisions/{decision_id}/feedback", json=body)).status_code == 204
        rejected = {"action": "reject", "suggestion_id": "s1", "by": "孙佳"}
        await client.post(f"/v1/decisions/{decision_id}/feedback", json=rejected)
        shown = (await client.get("/v1/contributors")).json()
        assert shown["contributors"] == [{"contributor": "林晓", "adopted_cases": 1, "points": 50}]
        assert shown["tactics"] == [{"tactic": "分步上线", "adopters": 2, "is_proven": False}]


async def decide(store: Store) -> str:
    """Record a decision that cites the case C-1."""
    from domain.sources import cite
    from domain.suggestions import Aigc, Claim, Decision, Envelope, PromptUse, Suggestion, SuggestionKind

    async with store.begin("acme") as work:
        source = await work.sources.get("case:C-1:talk_track")
        assert source is not None
        claim = Claim(text=source.text, start=0, end=len(source.text), citations=(cite(source, 0, len(source.text)),))
        suggestion = Suggestion(
            id="s1", tactic="分步上线", what=source.text, why="", next="", confidence=0.9, claims=(claim,)
        )
        envelope = Envelope(
            decision_id="d-1",
            kind=SuggestionKind.REPLY,
            engine="extractive",
            suggestions=(suggestion,),
            aigc=Aigc(ContentProducer="zhanqing", ProduceID="d-1"),
            created_at=store.clock(),
        )
        prompt = PromptUse(name="reply", version="1", sha256="0" * 64)
        await work.decisions.append(
            Decision(
                decision_id="d-1",
                envelope=envelope,
                inputs=("case:C-1:talk_track",),
                retrieval=(),
                engine="extractive",
                prompt=prompt,
                checks=(),
            )
        )
    return "d-1"
