"""What every database must do with sources, conversations and CRM records."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.accounts import Account, Contact, Deal
from domain.conversation import Consent, ConsentStatus, Transcript, Turn, Word
from domain.errors import ConflictError, DeniedError, InputError, IntegrityError, NotFoundError
from domain.lexicon import LexiconEntry, LexiconKind
from domain.signals import Analysis, Metric, Signal, SignalKind
from domain.sources import SourceKind, SourceStatus, content_hash
from store.consents import ConsentRecord
from store.conversations import ConversationFilter
from store.testing import SteppingClock
from store.work import Store

DOC = {"kind": SourceKind.DOCUMENT, "title": "价格表"}


def a_transcript(**changes: object) -> Transcript:
    words = (Word(text="太贵", start_ms=1000, end_ms=1400, probability=0.9),)
    made = Transcript(
        id="call-1",
        duration_ms=9000,
        consent=Consent(status=ConsentStatus.GRANTED, reference="rec-7"),
        account_id="A1",
        rep_id="r1",
        models={"asr": "whisper-base@1"},
        turns=(
            Turn(id="t001", speaker="rep", text="您好，我是战情的小李。", start_ms=0, end_ms=900, confidence=0.9),
            Turn(id="t002", speaker="customer", text="太贵了", start_ms=1000, end_ms=1400, words=words),
        ),
    )
    return replace(made, **changes)


class TestSources:
    async def test_a_new_version_is_made_only_when_the_text_changed(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            first = await work.sources.put("doc:p", text="标准版 12 万", **DOC)
            same = await work.sources.put("doc:p", text="标准版 12 万", **DOC)
            second = await work.sources.put("doc:p", text="标准版 15 万", **DOC)
        async with any_store.read("acme") as work:
            old, latest = await work.sources.get("doc:p", 1), await work.sources.get("doc:p")
        assert (first.version, same, second.version) == (1, first, 2)
        assert old == replace(first, status=SourceStatus.SUPERSEDED)
        assert latest == second
        assert second.content_hash == content_hash("标准版 15 万")

    async def test_a_retired_source_keeps_its_text_and_an_erased_one_loses_every_version(
        self, any_store: Store
    ) -> None:
        async with any_store.begin("acme") as work:
            kept = await work.sources.put("doc:kept", text="一", **DOC)
            await work.sources.put("doc:gone", text="旧", **DOC)
            gone = await work.sources.put("doc:gone", text="新", **DOC)
            await work.sources.retire("doc:kept")
            await work.sources.erase("doc:gone")
        async with any_store.read("acme") as work:
            assert await work.sources.get("doc:kept") == replace(kept, status=SourceStatus.RETIRED)
            erased = [await work.sources.get("doc:gone", version) for version in (1, 2)]
        assert [(each.text, each.title, each.status) for each in erased if each] == [("", "", SourceStatus.ERASED)] * 2
        assert erased[1] is not None and erased[1].content_hash == gone.content_hash

    async def test_a_retired_text_that_comes_back_is_a_new_live_version(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.sources.put("doc:p", text="一", **DOC)
            await work.sources.retire("doc:p")
            again = await work.sources.put("doc:p", text="一", **DOC)
            assert (again.version, again.status) == (2, SourceStatus.LIVE)
            first = await work.sources.get("doc:p", 1)
        assert first is not None and first.status is SourceStatus.RETIRED

    async def test_many_are_found_in_the_order_asked_for(self, any_store: Store) -> None:
        ids = [f"doc:{number}" for number in range(900)]
        async with any_store.begin("acme") as work:
            for source_id in ids[:3]:
                await work.sources.put(source_id, text=source_id, **DOC)
            found = await work.sources.get_many([ids[2], *reversed(ids), "doc:none"])
        assert list(found) == ["doc:2", "doc:1", "doc:0"]

    async def test_a_prefix_is_taken_literally(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            for source_id in ("turn:a_b:t1", "turn:aXb:t1", "turn:a%:t1"):
                await work.sources.put(source_id, kind=SourceKind.TURN, title="", text="好")
            found = [source.source_id for source in await work.sources.under("turn:a_b:")]
        assert found == ["turn:a_b:t1"]

    async def test_what_is_not_there_cannot_be_retired_or_erased(self, any_store: Store) -> None:
        with pytest.raises(NotFoundError):
            async with any_store.begin("acme") as work:
                await work.sources.retire("doc:none")
        with pytest.raises(NotFoundError):
            async with any_store.begin("acme") as work:
                await work.sources.erase("doc:none")

    @pytest.mark.parametrize("text", ["有\0空字符", "半个表情\ud83d"])
    async def test_text_that_one_database_cannot_keep_is_refused_by_both(self, any_store: Store, text: str) -> None:
        with pytest.raises(InputError) as caught:
            async with any_store.begin("acme") as work:
                await work.sources.put("doc:p", text=text, **DOC)
        assert caught.value.code == "store.unstorable_text"

    async def test_a_failing_block_leaves_nothing_behind(self, any_store: Store) -> None:
        with pytest.raises(RuntimeError):
            async with any_store.begin("acme") as work:
                await work.sources.put("doc:p", text="一", **DOC)
                raise RuntimeError
        async with any_store.read("acme") as work:
            assert await work.sources.get("doc:p") is None


class TestConversations:
    async def test_a_transcript_comes_back_as_it_was_put(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
        async with any_store.read("acme") as work:
            assert await work.conversations.get("call-1") == a_transcript()
            assert await work.conversations.get("call-2") is None

    async def test_each_turn_is_a_source_with_its_times(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            source = await work.sources.get("turn:call-1:t002")
        assert source is not None
        assert (source.text, source.start_ms, source.end_ms, source.speaker) == ("太贵了", 1000, 1400, "customer")
        assert source.title == "通话 · 客户 00:01"

    async def test_the_same_again_changes_nothing(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            before = await work.conversations.revision("call-1")
            await work.conversations.put(a_transcript())
            assert await work.conversations.revision("call-1") == before

    async def test_other_words_make_new_versions_and_retire_turns_that_are_gone(self, any_store: Store) -> None:
        changed = Turn(id="t001", speaker="rep", text="您好，我是小李。", start_ms=0, end_ms=900)
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            await work.conversations.put(a_transcript(turns=(changed,)))
            first = await work.sources.get("turn:call-1:t001")
            gone = await work.sources.get("turn:call-1:t002")
        assert first is not None and (first.version, first.text) == (2, "您好，我是小李。")
        assert gone is not None and gone.status is SourceStatus.RETIRED

    async def test_findings_fall_with_the_words_they_were_made_of(self, any_store: Store) -> None:
        analysis = an_analysis()
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            await work.signals.put("call-1", analysis)
            await work.signals.put_report("call-1", document={"title": "复盘"}, html="<p>复盘</p>")
            await work.conversations.put(a_transcript(account_id="A2"))
            assert await work.signals.get("call-1") == analysis
            await work.conversations.put(a_transcript(turns=a_transcript().turns[:1]))
            assert await work.signals.get("call-1") is None
            assert await work.signals.report("call-1") is None

    async def test_two_ids_that_share_a_source_part_are_refused(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript(id="a b"))
        with pytest.raises(ConflictError):
            async with any_store.begin("acme") as work:
                await work.conversations.put(a_transcript(id="a_b"))
        twins = tuple(Turn(id=name, speaker="rep", text="好") for name in ("t 1", "t_1"))
        with pytest.raises(ConflictError):
            async with any_store.begin("acme") as work:
                await work.conversations.put(a_transcript(turns=twins))

    async def test_an_erased_conversation_is_gone_and_stays_gone(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            await work.signals.put("call-1", an_analysis())
            assert await work.conversations.erase("call-1") == 2
        async with any_store.read("acme") as work:
            assert await work.conversations.get("call-1") is None
            assert await work.signals.get("call-1") is None
            assert [source.text for source in await work.sources.under("turn:call-1:")] == ["", ""]
            assert await work.conversations.page(ConversationFilter(), limit=10) == []
        with pytest.raises(DeniedError):
            async with any_store.begin("acme") as work:
                await work.conversations.put(a_transcript())

    async def test_turns_are_added_once_and_edits_make_versions(self, any_store: Store) -> None:
        async def append(*turns: Turn) -> list[str]:
            async with any_store.begin("acme") as work:
                return await work.conversations.append("call-1", turns)

        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            await work.signals.put("call-1", an_analysis())
        third = Turn(id="t003", speaker="rep", text="可以分期。", start_ms=2000, end_ms=2400)
        assert await append(third) == ["t003"]
        assert await append(third) == []
        assert await append(replace(third, text="可以分三期。")) == ["t003"]
        async with any_store.read("acme") as work:
            transcript = await work.conversations.get("call-1")
            source = await work.sources.get("turn:call-1:t003")
            revision = await work.conversations.revision("call-1")
            assert await work.signals.get("call-1") is None
        assert transcript is not None
        assert [turn.text for turn in transcript.turns][2:] == ["可以分三期。"]
        assert source is not None and (source.version, source.text) == (2, "可以分三期。")
        assert revision is not None and revision.number == 3
        with pytest.raises(ConflictError):
            await append(Turn(id="t 003", speaker="rep", text="好"), Turn(id="t_003", speaker="rep", text="好"))

    async def test_many_at_once_add_their_turns_without_losing_any(self, any_store: Store) -> None:
        async def append(number: int) -> None:
            async with any_store.begin("acme") as work:
                await work.conversations.append("call-1", [Turn(id=f"m{number}", speaker="customer", text="好")])

        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
        await asyncio.gather(*(append(number) for number in range(12)))
        async with any_store.read("acme") as work:
            transcript = await work.conversations.get("call-1")
        assert transcript is not None and len(transcript.turns) == 14

    async def test_a_recalled_turn_is_gone_with_its_words(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            assert await work.conversations.recall("call-1", "t002")
            assert not await work.conversations.recall("call-1", "t002")
            transcript = await work.conversations.get("call-1")
            source = await work.sources.get("turn:call-1:t002")
        assert transcript is not None and [turn.id for turn in transcript.turns] == ["t001"]
        assert source is not None and (source.status, source.text) == (SourceStatus.ERASED, "")

    async def test_turns_need_their_conversation(self, any_store: Store) -> None:
        with pytest.raises(NotFoundError):
            async with any_store.begin("acme") as work:
                await work.conversations.append("call-1", [Turn(id="t1", speaker="rep", text="好")])

    async def test_pages_go_from_new_to_old_without_a_gap_and_filter(
        self, any_store: Store, clock: SteppingClock
    ) -> None:
        async with any_store.begin("acme") as work:
            for number in range(5):
                owner = "r1" if number % 2 else "r2"
                await work.conversations.put(a_transcript(id=f"c{number}", rep_id=owner))
                clock.pass_s(60)
        async with any_store.read("acme") as work:
            first = await work.conversations.page(ConversationFilter(), limit=2)
            last = (first[-1].created_at, first[-1].conversation_id)
            rest = await work.conversations.page(ConversationFilter(), limit=9, before=last)
            mine = await work.conversations.page(ConversationFilter(rep_ids=("r1",)), limit=9)
        assert [each.conversation_id for each in first + rest] == ["c4", "c3", "c2", "c1", "c0"]
        assert [each.conversation_id for each in mine] == ["c3", "c1"]


def an_analysis(quote: str = "太贵") -> Analysis:
    signal = Signal(
        id="s001",
        kind=SignalKind.INTENT,
        label="压价",
        score=0.91,
        turn_id="t002",
        start=0,
        end=len(quote),
        quote=quote,
        extractor="intents",
        version="1",
        attributes={"why": "词典"},
    )
    metric = Metric(
        name="talk_ratio", value=0.5, unit="ratio", denominator="all speaking time", default_range=(0, 0.65)
    )
    return Analysis(conversation_id="call-1", signals=(signal,), metrics=(metric,))


class TestSignals:
    async def test_an_analysis_comes_back_as_it_was_put(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.conversations.put(a_transcript())
            await work.signals.put("call-1", an_analysis())
            await work.signals.put("call-1", an_analysis())
        async with any_store.read("acme") as work:
            assert await work.signals.get("call-1") == an_analysis()

    async def test_a_signal_that_misquotes_its_turn_is_refused(self, any_store: Store) -> None:
        with pytest.raises(IntegrityError):
            async with any_store.begin("acme") as work:
                await work.conversations.put(a_transcript())
                await work.signals.put("call-1", an_analysis("便宜"))

    async def test_an_analysis_needs_its_conversation(self, any_store: Store) -> None:
        with pytest.raises(NotFoundError):
            async with any_store.begin("acme") as work:
                await work.signals.put("call-1", an_analysis())


class TestCrm:
    async def test_every_field_that_says_something_is_a_source(self, any_store: Store) -> None:
        account = Account(
            account_id="A 1",
            name="华星电子",
            industry="制造业",
            amount_cny=1234567.0,
            contacts=(Contact(name="王敏", title="采购总监", role="决策人"), Contact(title="工艺工程师")),
            extra={"信用评级": "A", "老客户": True, "标签": ["重点", "华东"], "空": ""},
        )
        async with any_store.begin("acme") as work:
            assert await work.accounts.put(account) == account
            assert await work.accounts.get("A 1") == account
            texts = {source.source_id: source.text for source in await work.sources.under("crm:account:")}
        assert texts == {
            "crm:account:A_1:name": "华星电子",
            "crm:account:A_1:industry": "制造业",
            "crm:account:A_1:amount_cny": "123.4567万元",
            "crm:account:A_1:contacts": "王敏，采购总监，决策人；工艺工程师",
            "crm:account:A_1:信用评级": "A",
            "crm:account:A_1:老客户": "是",
            "crm:account:A_1:标签": "重点、华东",
        }

    async def test_the_same_inline_account_is_the_same_account_again(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            first = await work.accounts.put(Account(name="华星电子"))
            second = await work.accounts.put(Account(name="华星电子"))
            other = await work.accounts.put(Account(name="明远化工"))
            revision = await work.accounts.revision(first.account_id)
        assert first == second
        assert first.account_id not in ("", other.account_id)
        assert revision is not None and revision.number == 1

    async def test_a_field_that_is_emptied_is_retired(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            await work.deals.put(Deal(deal_id="D1", name="二期", stage="报价"))
            await work.deals.put(Deal(deal_id="D1", name="二期"))
            stage = await work.sources.get("crm:deal:D1:stage")
            name = await work.sources.get("crm:deal:D1:name")
        assert stage is not None and stage.status is SourceStatus.RETIRED
        assert name is not None and (name.version, name.status) == (1, SourceStatus.LIVE)

    async def test_deals_are_found_by_their_account_and_paged_by_id(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            for name in ("D2", "D1", "D3"):
                await work.deals.put(Deal(deal_id=name, account_id="A1" if name != "D3" else "A2", owner=name))
        async with any_store.read("acme") as work:
            assert [deal.deal_id for deal in await work.deals.of_account("A1")] == ["D1", "D2"]
            assert [deal.deal_id for deal in await work.deals.page(limit=2, after="D1")] == ["D2", "D3"]
            assert [deal.deal_id for deal in await work.deals.page(limit=2, owner="D3")] == ["D3"]


class TestSmallRecords:
    async def test_a_lexicon_entry_is_replaced_by_name_and_kind(self, any_store: Store) -> None:
        old = LexiconEntry(name="云帆", aliases=("云番",), kind=LexiconKind.COMPETITOR)
        new = replace(old, aliases=("云番", "YunFan"))
        product = LexiconEntry(name="云帆", kind=LexiconKind.PRODUCT)
        async with any_store.begin("acme") as work:
            await work.lexicons.put((old, product))
            await work.lexicons.put((new,))
            assert await work.lexicons.all() == (new, product)
            assert await work.lexicons.remove("云帆", LexiconKind.PRODUCT)
            assert not await work.lexicons.remove("云帆", LexiconKind.PRODUCT)
            assert await work.lexicons.all() == (new,)

    async def test_a_consent_is_never_rewritten_only_withdrawn(self, any_store: Store, clock: SteppingClock) -> None:
        record = ConsentRecord(reference="rec-7", subject="A1", granted_at=clock())
        async with any_store.begin("acme") as work:
            assert await work.consents.put(record) == record
            assert await work.consents.put(replace(record, subject="A2")) == record
            assert await work.consents.status("rec-7") == Consent(status=ConsentStatus.GRANTED, reference="rec-7")
            assert await work.consents.status(None) == Consent()
            await work.consents.withdraw("rec-7", by="u1")
            withdrawn = await work.consents.withdraw("rec-7", by="u2")
            assert (await work.consents.status("rec-7")).status is ConsentStatus.WITHDRAWN
            assert await work.consents.of_subject("A1") == [withdrawn]
        assert withdrawn.withdrawn_by == "u1"
        with pytest.raises(NotFoundError):
            async with any_store.begin("acme") as work:
                await work.consents.withdraw("rec-8", by="u1")

    async def test_the_corpus_version_grows_by_one(self, any_store: Store) -> None:
        async with any_store.begin("acme") as work:
            assert [await work.corpus.version(), await work.corpus.grow(), await work.corpus.grow()] == [0, 1, 2]
        async with any_store.begin("other") as work:
            assert await work.corpus.version() == 0
