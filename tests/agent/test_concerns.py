"""A reply draws on cases whose customer wanted the same; a complaint is not answered with somebody else's success."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from agent.concerns import Concerns, in_other_words
from agent.shelf import CaseFile
from agent.talk import wants_no_evidence
from domain.conversation import Transcript
from domain.lexicon import Lexicon
from domain.signals import Intent, Signal, SignalKind
from domain.sources import Source, SourceKind, content_hash


@dataclass
class PriceReader:
    """Finds 压价 where 贵 stands, else 其他; counts how often it was asked."""

    asked: list[str] = field(default_factory=list)

    def detect(self, transcript: Transcript, *, lexicon: Lexicon = ()) -> tuple[Signal, ...]:
        (turn,) = transcript.turns
        self.asked.append(turn.text)
        label = Intent.PUSH_PRICE if "贵" in turn.text else Intent.OTHER
        return (
            Signal(
                id="s",
                kind=SignalKind.INTENT,
                label=label,
                score=0.9,
                turn_id=turn.id,
                start=0,
                end=len(turn.text),
                quote=turn.text,
                extractor="test",
                version="1",
            ),
        )


def case(case_id: str, question: str) -> CaseFile:
    source = Source(
        source_id=f"case:{case_id}:customer_question",
        version=1,
        kind=SourceKind.CASE,
        title=case_id,
        text=question,
        content_hash=content_hash(question),
    )
    return CaseFile(case_id=case_id, columns={"customer_question": source})


def test_a_case_is_read_once_until_its_words_change() -> None:
    reader = PriceReader()
    concerns = Concerns(reader)  # type: ignore[arg-type]  # stands in for the detector
    assert concerns.of([case("C-1", "太贵了"), case("C-2", "你好")]) == {"C-1": {"压价"}, "C-2": frozenset()}
    assert concerns.of([case("C-1", "太贵了")]) == {"C-1": {"压价"}}
    assert reader.asked == ["太贵了", "你好"]
    assert concerns.of([case("C-1", "有案例吗")]) == {"C-1": frozenset()}


def test_without_a_detector_nothing_is_known() -> None:
    assert Concerns(None).of([case("C-1", "太贵了")]) == {}


def test_every_wish_but_small_talk_has_other_words() -> None:
    silent = {intent for intent in Intent if not in_other_words([intent])}
    assert silent == {Intent.SMALL_TALK, Intent.OTHER}


@pytest.mark.parametrize(
    ("intents", "none"), [(["投诉不满", "压价"], True), (["压价", "投诉不满"], False), ([], False)]
)
def test_whose_first_wish_is_a_complaint_wants_no_evidence(intents: list[str], none: bool) -> None:
    assert wants_no_evidence(intents) is none
