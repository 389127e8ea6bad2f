"""What may count for or against anybody: a case that was told, not promised; an intent that is sure, not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from domain.conversation import Turn
from domain.signals import RepAct, Signal, SignalKind
from language.sentences import sentences

LEAST_SURE = 0.5
"""An intent below this is only the likeliest of many guesses: it names no topic, no objection and no hesitation."""
_ANNOUNCED = re.compile(
    r"准备|整理|[发带找拿寄传附给](?!展|布|现|生|票)[^，。]{0,8}(?:您|你|过来|过去|看)|(?:会|再|可以)[^，。]{0,6}[发带找拿寄传]"
)
_TOLD = re.compile(
    r"[做用上装服签换跑试降提省减增升](?:[一-鿿]{0,2})?(?:过|了)|去年|上个?月|前年|当时|原来|从[^，。]{1,12}[到降升]|"
    r"\d+(?:\.\d+)?\s*%|百分之|[一二两三四五六七八九十\d]+(?:个|家|台|天|周)?[^，。]{0,4}(?:上线|缩短|下降|减少|提高)"
)


def credited(signals: Iterable[Signal], turns: Mapping[str, Turn]) -> list[Signal]:
    """Return the signals without guessed intents and cases that were only announced (我准备两家案例给您)."""
    listed = [one for one in signals if is_sure(one)]
    due = [one for one in listed if one.kind in (SignalKind.PROMISE, SignalKind.NEXT_STEP)]
    return [one for one in listed if not _is_announced(one, due, turns)]


def is_sure(signal: Signal) -> bool:
    """Whether a signal is more than a guess; only intents are listed as guesses."""
    return signal.kind is not SignalKind.INTENT or signal.score >= LEAST_SURE


def _is_announced(signal: Signal, due: Iterable[Signal], turns: Mapping[str, Turn]) -> bool:
    if signal.kind is not SignalKind.REP_ACT or signal.label != RepAct.REFERENCE or signal.turn_id not in turns:
        return False
    start, end = _sentences_around(turns[signal.turn_id].text, signal)
    around = turns[signal.turn_id].text[start:end]
    if _TOLD.search(around):
        return False
    promised = any(one.turn_id == signal.turn_id and one.start < end and start < one.end for one in due)
    return promised or _ANNOUNCED.search(around) is not None


def _sentences_around(text: str, signal: Signal) -> tuple[int, int]:
    """The range of the sentences that a signal touches, with the one before: 明天发图。两家案例和对比表 is one list."""
    spans = list(sentences(text))
    touched = [at for at, span in enumerate(spans) if span.start < signal.end and signal.start < span.end]
    if not touched:
        return signal.start, signal.end
    return spans[max(0, touched[0] - 1)].start, spans[touched[-1]].end
