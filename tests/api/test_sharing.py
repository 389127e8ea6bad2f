"""What was granted comes without personal data, and still is what it was: claims are their words, offsets hold."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from agent.calls import keep_report
from api.app import create_app
from api.sharing import without_personal_data
from api.testing import TestParts, key_for
from coaching.report import build_report
from domain.conversation import Transcript, Turn
from domain.signals import Analysis, Signal, SignalKind
from domain.sources import Citation, SourceKind
from domain.suggestions import Aigc, Claim, Decision, Envelope, PromptUse, Suggestion, SuggestionKind
from language.pii import MASK
from store.calls import CallDetails
from store.keys import Role
from store.testing import SteppingClock
from store.work import Store

PHONE = "13800138000"
SAID = f"太贵了，打我电话{PHONE}再谈"
AT = SAID.index("13800")
FORMS = ("application/json", "text/html", "text/markdown")


def a_signal(start: int = 0, end: int = len(SAID)) -> Signal:
    return Signal(
        id="s1",
        kind=SignalKind.INTENT,
        label="压价",
        score=0.9,
        turn_id="t1",
        start=start,
        end=end,
        quote=SAID[start:end],
        extractor="scripted",
        version="1",
        attributes={"what": SAID},
    )


def an_envelope(clock: SteppingClock) -> Envelope:
    citation = Citation(
        source_id="turn:c1:t1",
        source_kind=SourceKind.TURN,
        version=1,
        content_hash="sha256:" + "1" * 64,
        title="通话",
        start=0,
        end=len(SAID),
        quote=SAID,
    )
    claim = Claim(text=SAID, start=0, end=len(SAID), citations=(citation,))
    suggestion = Suggestion(id="s1", tactic="", what=SAID, why=SAID, next=SAID, confidence=1.0, claims=(claim,))
    return Envelope(
        decision_id="d-1",
        kind=SuggestionKind.TIPS,
        engine="extractive",
        suggestions=(suggestion,),
        aigc=Aigc(ContentProducer="zhanqing", ProduceID="d-1"),
        created_at=clock(),
    )


def a_decision(clock: SteppingClock) -> Decision:
    return Decision(
        decision_id="d-1",
        envelope=an_envelope(clock),
        inputs=("turn:c1:t1",),
        retrieval=(),
        engine="extractive",
        prompt=PromptUse(name="tips", version="1", sha256="0" * 64),
        checks=(),
        request=SAID,
        context={"rep_id": "r1", "text": SAID},
    )


class TestWords:
    def test_a_part_of_a_number_is_hidden_as_the_number_is(self) -> None:
        transcript = Transcript(id="c1", turns=(Turn(id="t1", speaker="customer", text=SAID),))
        analysis = Analysis(conversation_id="c1", signals=(a_signal(AT - 2, AT + 4),), metrics=())
        (shown,) = without_personal_data(analysis, said=transcript).signals
        assert shown.quote == "电话" + MASK * 4

    def test_a_claim_still_is_its_words_and_names_stay(self, clock: SteppingClock) -> None:
        shown = without_personal_data(a_decision(clock))
        (suggestion,) = shown.envelope.suggestions
        (claim,) = suggestion.claims
        assert suggestion.what[claim.start : claim.end] == claim.text == SAID.replace(PHONE, MASK * 11)
        assert claim.citations[0].source_id == "turn:c1:t1"
        assert claim.citations[0].content_hash == "sha256:" + "1" * 64
        assert PHONE not in str(shown)
        assert (shown.inputs, shown.context["rep_id"]) == (("turn:c1:t1",), "r1")


@pytest.fixture
async def clients(parts: TestParts, api_store: Store) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
    async with AsyncExitStack() as stack:
        made = {}
        for rep_id in ("r1", "r4"):
            header = await key_for(api_store, "acme", role=Role.REP, rep_id=rep_id)
            client = httpx.AsyncClient(transport=transport, base_url="http://test", headers=header)
            made[rep_id] = await stack.enter_async_context(client)
        yield made


@pytest.fixture
async def call_id(api_store: Store, tmp_path: Path, clock: SteppingClock) -> str:
    """A call of r1 with everything that was made of it, granted to r4 together with its decision."""
    path = tmp_path / "call.ogg"
    path.write_bytes(b"OggS\x00\x02" + bytes(300))
    with path.open("rb") as audio:
        kept = await api_store.keep_file("acme", audio)
    async with api_store.begin("acme") as work:
        call = await work.calls.submit(kept, CallDetails(rep_id="r1"), media_type="audio/ogg")
        turns = (Turn(id="t1", speaker="customer", text=SAID, start_ms=0, end_ms=900),)
        transcript = Transcript(id=call.call_id, rep_id="r1", turns=turns)
        analysis = Analysis(conversation_id=call.call_id, signals=(a_signal(),), metrics=())
        await work.conversations.put(transcript)
        await work.sources.put("turn:c1:t1", kind=SourceKind.TURN, title="通话", text=SAID)
        await keep_report(work, build_report(transcript, analysis, tips=an_envelope(clock)))
        await work.signals.put(call.call_id, analysis)
        ends_at = clock() + timedelta(days=1)
        await work.access.grant(
            "r4", object_kind="call", object_id=call.call_id, ends_at=ends_at, granted_by="m", why="代班"
        )
    return call.call_id


@pytest.mark.parametrize(("rep_id", "whole"), [("r1", True), ("r4", False)])
async def test_all_that_is_made_of_a_call_hides_what_its_transcript_hides(
    clients: dict[str, httpx.AsyncClient], call_id: str, rep_id: str, whole: bool
) -> None:
    client = clients[rep_id]
    shown = {name: await client.get(f"/v1/calls/{call_id}/{name}") for name in ("transcript", "analysis")}
    shown |= {form: await client.get(f"/v1/calls/{call_id}/report", headers={"accept": form}) for form in FORMS}
    assert {name: answer.status_code for name, answer in shown.items()} == dict.fromkeys(shown, 200)
    assert {name: PHONE in answer.text for name, answer in shown.items()} == dict.fromkeys(shown, whole)
    masked = MASK * len(PHONE)
    assert all((masked in json.dumps(answer.text, ensure_ascii=False)) is not whole for answer in shown.values())
