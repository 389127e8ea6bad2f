"""What every database must do with the decision log."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from domain.errors import ConflictError, IntegrityError, NotFoundError
from domain.sources import SourceKind, cite
from domain.suggestions import (
    AbstentionReason,
    Aigc,
    ChainVerdict,
    Check,
    Claim,
    Decision,
    Envelope,
    ErasedDecision,
    Feedback,
    FeedbackAction,
    PromptUse,
    Retrieved,
    Suggestion,
    SuggestionKind,
)
from store.work import Store, Work

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TEXT = "先确认排期，再谈折扣。"


async def a_decision(work: Work, number: int = 1) -> Decision:
    source = await work.sources.put("doc:talk", kind=SourceKind.DOCUMENT, title="话术", text=TEXT)
    claim = Claim(text="先确认排期，", start=0, end=6, citations=(cite(source, 0, 6),))
    suggestion = Suggestion(
        id="s1", tactic="交换条件", what=claim.text, why="", next="", confidence=0.8, claims=(claim,)
    )
    envelope = Envelope(
        decision_id=f"d-{number}",
        kind=SuggestionKind.REPLY,
        engine="extractive",
        suggestions=(suggestion,),
        aigc=Aigc(ContentProducer="zhanqing", ProduceID=f"d-{number}"),
        created_at=AT,
    )
    found = Retrieved(
        query="太贵", passage_id="p1", source_id="doc:talk", dense=0.7, lexical=None, fused_rank=1, used=True
    )
    return Decision(
        decision_id=f"d-{number}",
        envelope=envelope,
        inputs=("doc:talk",),
        retrieval=(found,),
        engine="extractive",
        prompt=PromptUse(name="reply", version="1", sha256="0" * 64),
        checks=(Check(name="quote", passed=True),),
        request="客户说太贵了",
        context={"rep_id": "r1"},
    )


async def a_chain(store: Store, length: int = 5) -> None:
    async with store.begin("acme") as work:
        for number in range(length):
            await work.decisions.append(await a_decision(work, number))


async def tamper(store: Store, *statements: str) -> None:
    """Change rows behind the store's back."""
    async with store.across_tenants() as session:
        for statement in statements:
            await session.execute(text(statement))


async def verdict(store: Store, tenant: str = "acme") -> ChainVerdict:
    async with store.read(tenant) as work:
        return await work.decisions.verify()


class TestDecisions:
    async def test_a_decision_comes_back_whole_with_its_link(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            appended = await work.decisions.append(await a_decision(work))
        async with any_store.read("acme") as work:
            assert await work.decisions.get("d-1") == appended
            assert await work.decisions.get("d-2") is None
        assert appended.chain is not None and appended.chain.index == 0

    async def test_each_link_names_the_one_before_and_tenants_have_chains_of_their_own(self, any_store: Store) -> None:
        links = {}
        for tenant in ("acme", "acme", "other"):
            async with any_store.begin(tenant) as work:
                number = len(links)
                link = (await work.decisions.append(await a_decision(work, number))).chain
                assert link is not None
                links[number] = link
        assert [link.index for link in links.values()] == [0, 1, 0]
        assert links[1].previous == links[0].hash
        assert links[2].previous == links[0].previous
        assert await verdict(any_store) == ChainVerdict(ok=True, checked=2)

    async def test_an_empty_chain_holds(self, any_store: Store) -> None:
        assert await verdict(any_store) == ChainVerdict(ok=True, checked=0)

    async def test_a_citation_of_a_source_that_is_not_live_is_refused(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            decision = await a_decision(work)
            await work.sources.put("doc:talk", kind=SourceKind.DOCUMENT, title="话术", text="先谈折扣，再看排期。")
        with pytest.raises(IntegrityError) as caught:
            async with any_store.begin("acme") as work:
                await work.decisions.append(decision)
        assert caught.value.code == "store.citation_unresolved"
        assert await verdict(any_store) == ChainVerdict(ok=True, checked=0)

    @pytest.mark.parametrize("change", [{"quote": "先承诺排期，"}, {"source_id": "doc:none"}, {"version": 2}])
    async def test_a_made_up_citation_is_refused(self, any_store: Store, change: dict[str, object]) -> None:
        async with any_store.begin("acme") as work:
            decision = await a_decision(work)
        suggestion = decision.envelope.suggestions[0]
        claim = suggestion.claims[0]
        forged = replace(claim, citations=(replace(claim.citations[0], **change),))
        envelope = replace(decision.envelope, suggestions=(replace(suggestion, claims=(forged,)),))
        with pytest.raises(IntegrityError):
            async with any_store.begin("acme") as work:
                await work.decisions.append(replace(decision, envelope=envelope))

    async def test_another_tenants_source_cannot_be_cited(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            decision = await a_decision(work)
        with pytest.raises(IntegrityError):
            async with any_store.begin("other") as work:
                await work.decisions.append(decision)

    async def test_a_decision_is_never_written_twice(self, any_store: Store) -> None:
        await a_chain(any_store, 1)
        with pytest.raises(ConflictError):
            async with any_store.begin("acme") as work:
                await work.decisions.append(await a_decision(work, 0))

    async def test_an_abstention_is_a_decision_too(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            decision = await a_decision(work)
            silent = replace(
                decision.envelope, suggestions=(), abstained=True, reason_code=AbstentionReason.NO_EVIDENCE
            )
            appended = await work.decisions.append(replace(decision, envelope=silent))
            assert await work.decisions.get("d-1") == appended

    async def test_feedback_comes_back_in_order_and_the_same_once(self, any_store: Store) -> None:
        accepted = Feedback(action=FeedbackAction.ACCEPT, by="r1", at=AT, suggestion_id="s1")
        challenged = Feedback(action=FeedbackAction.CHALLENGE, by="u1", at=AT.replace(minute=31), text="排期不对")
        await a_chain(any_store, 1)
        async with any_store.begin("acme") as work:
            for feedback in (challenged, accepted, accepted):
                await work.decisions.add_feedback("d-0", feedback)
            decision = await work.decisions.get("d-0")
        assert isinstance(decision, Decision) and decision.feedback == (accepted, challenged)

    @pytest.mark.parametrize(("decision_id", "suggestion_id"), [("d-9", None), ("d-0", "s9")])
    async def test_feedback_needs_its_suggestion(
        self, any_store: Store, decision_id: str, suggestion_id: str | None
    ) -> None:
        await a_chain(any_store, 1)
        feedback = Feedback(action=FeedbackAction.REJECT, by="r1", at=AT, suggestion_id=suggestion_id)
        with pytest.raises(NotFoundError):
            async with any_store.begin("acme") as work:
                await work.decisions.add_feedback(decision_id, feedback)

    async def test_decisions_are_found_by_what_they_cite(self, any_store: Store) -> None:
        await a_chain(any_store, 3)
        async with any_store.read("acme") as work:
            assert await work.decisions.citing(["doc:talk", "doc:other"]) == ["d-0", "d-1", "d-2"]
            assert await work.decisions.citing(["doc:other"]) == []


FLIPS = {
    "decision id": "UPDATE decisions SET decision_id = 'd-X' WHERE \"index\" = 2",
    "kind": "UPDATE decisions SET kind = 'brief' WHERE \"index\" = 2",
    "time": "UPDATE decisions SET time = '2026-11-20T09:30:00.000001Z' WHERE \"index\" = 2",
    "previous": 'UPDATE decisions SET previous = hash WHERE "index" = 2',
    "commitment": 'UPDATE decisions SET commitment = hash WHERE "index" = 2',
    "hash": 'UPDATE decisions SET hash = previous WHERE "index" = 2',
    "binding": 'UPDATE decisions SET binding = hash WHERE "index" = 2',
    "receipt": "UPDATE decision_payloads SET receipt = 'r' WHERE \"index\" = 2",
    "erasure that never was": "UPDATE decision_payloads SET payload = NULL, salt = NULL, receipt = 'r',"
    ' erasure_index = 4 WHERE "index" = 2',
    "payload deleted": 'DELETE FROM decision_payloads WHERE "index" = 2',
}


class TestVerification:
    @pytest.mark.parametrize("column", ["payload", "salt"])
    async def test_one_flipped_byte_is_found(self, any_store: Store, column: str) -> None:
        await a_chain(any_store)
        async with any_store.across_tenants() as session:
            stored = await session.scalar(text(f'SELECT {column} FROM decision_payloads WHERE "index" = 2'))
            flipped = bytes([stored[0] ^ 1]) + stored[1:]
            await session.execute(
                text(f'UPDATE decision_payloads SET {column} = :flipped WHERE "index" = 2'), {"flipped": flipped}
            )
        assert await verdict(any_store) == ChainVerdict(ok=False, checked=2, first_broken=2)
        with pytest.raises(IntegrityError):
            async with any_store.read("acme") as work:
                await work.decisions.get("d-2")

    @pytest.mark.parametrize("statement", FLIPS.values(), ids=FLIPS.keys())
    async def test_any_change_of_a_column_is_found(self, any_store: Store, statement: str) -> None:
        await a_chain(any_store)
        await tamper(any_store, statement)
        found = await verdict(any_store)
        assert (found.ok, found.first_broken) == (False, 2)

    @pytest.mark.parametrize(("gone", "first_broken"), [(0, 0), (2, 2), (4, 4)])
    async def test_a_deleted_link_is_found_even_the_last(self, any_store: Store, gone: int, first_broken: int) -> None:
        await a_chain(any_store)
        tables = ("feedback", "decision_sources", "decision_contexts", "decision_payloads", "decisions")
        await tamper(any_store, *(f'DELETE FROM {table} WHERE "index" = {gone}' for table in tables))
        assert await verdict(any_store) == ChainVerdict(ok=False, checked=first_broken, first_broken=first_broken)

    async def test_swapped_payloads_are_found(self, any_store: Store) -> None:
        await a_chain(any_store)
        swap = 'UPDATE decision_payloads SET "index" = {} WHERE "index" = {}'
        links = "INSERT INTO decisions SELECT tenant_id, 9, 'spare', kind, time, previous, commitment, hash, binding"
        await tamper(any_store, f'{links} FROM decisions WHERE "index" = 0')
        await tamper(any_store, swap.format(9, 1), swap.format(1, 3), swap.format(3, 9))
        await tamper(any_store, 'DELETE FROM decisions WHERE "index" = 9')
        assert (await verdict(any_store)).first_broken == 1


class TestErasure:
    async def test_an_erasure_leaves_a_tombstone_that_verifies(self, any_store: Store) -> None:
        await a_chain(any_store)
        async with any_store.begin("acme") as work:
            await work.decisions.erase_payload("d-2", "rcpt-1")
            await work.decisions.erase_payload("d-2", "rcpt-2")
        async with any_store.read("acme") as work:
            left = await work.decisions.get("d-2")
        assert isinstance(left, ErasedDecision)
        assert (left.decision_id, left.receipt, left.chain.index) == ("d-2", "rcpt-1", 2)
        assert await verdict(any_store) == ChainVerdict(ok=True, checked=6)

    async def test_nothing_of_the_payload_is_left(self, any_store: Store) -> None:
        await a_chain(any_store, 1)
        said = Feedback(action=FeedbackAction.EDIT, by="r1", at=AT, suggestion_id="s1", text="改成别的")
        async with any_store.begin("acme") as work:
            await work.decisions.add_feedback("d-0", said)
            await work.decisions.erase_payload("d-0", "rcpt-1")
        async with any_store.across_tenants() as session:
            payloads = list(await session.execute(text('SELECT salt, payload FROM decision_payloads ORDER BY "index"')))
            assert payloads[0] == (None, None)
            assert b"\xe5" not in bytes(payloads[1].payload)
            assert await session.scalar(text("SELECT text FROM feedback")) is None

    async def test_erasing_by_hand_is_found_even_after_a_later_break(self, any_store: Store) -> None:
        await a_chain(any_store)
        async with any_store.begin("acme") as work:
            await work.decisions.erase_payload("d-1", "rcpt-1")
        await tamper(any_store, "UPDATE decisions SET kind = 'brief' WHERE \"index\" = 3")
        assert (await verdict(any_store)).first_broken == 3
        await tamper(any_store, 'UPDATE decision_payloads SET payload = NULL, salt = NULL WHERE "index" = 2')
        assert (await verdict(any_store)).first_broken == 2

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE decision_payloads SET receipt = 'other' WHERE \"index\" = 1",
            'UPDATE decision_payloads SET erasure_index = 4 WHERE "index" = 1',
        ],
    )
    async def test_a_changed_tombstone_is_found(self, any_store: Store, statement: str) -> None:
        await a_chain(any_store)
        async with any_store.begin("acme") as work:
            await work.decisions.erase_payload("d-1", "rcpt-1")
        await tamper(any_store, statement)
        assert (await verdict(any_store)).first_broken == 1

    async def test_only_a_decision_can_be_erased(self, any_store: Store) -> None:
        await a_chain(any_store, 1)
        async with any_store.begin("acme") as work:
            await work.decisions.erase_payload("d-0", "rcpt-1")
        async with any_store.across_tenants() as session:
            erasure = await session.scalar(text("SELECT decision_id FROM decisions WHERE kind = 'erasure'"))
        for decision_id in (erasure, "d-9"):
            with pytest.raises(NotFoundError):
                async with any_store.begin("acme") as work:
                    await work.decisions.erase_payload(decision_id, "rcpt-2")


async def test_the_stored_payload_is_the_decision_and_nothing_later(any_store: Store) -> None:
    await a_chain(any_store, 1)
    async with any_store.across_tenants() as session:
        stored = await session.scalar(text("SELECT payload FROM decision_payloads"))
    document = json.loads(bytes(stored))
    assert document["decision_id"] == "d-0"
    assert not {"chain", "feedback"} & set(document)
    assert document["envelope"]["suggestions"][0]["claims"][0]["citations"][0]["quote"] == "先确认排期，"
