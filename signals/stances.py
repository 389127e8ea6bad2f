"""How a speaker talks of a competitor: well, badly or neither. Rules: `rules/stances.toml`."""

from __future__ import annotations

import re
from functools import cache

from language.sentences import sentences
from signals.rulebook import pattern, section

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
_RULES = "stances"
_TURNING = re.compile(r"但是?|不过|可是|然而|你们呢|你们(?!家?(?:便宜|贵))")


def stance_toward(text: str, start: int, end: int, *, stop: int | None = None) -> str:
    """Return the sentiment toward the name at `text[start:end]`: positive, neutral or negative.

    A comparison with us decides first (X比你们便宜 is for X, 你们比X便宜 against); else what is said of the name
    up to the next name (`stop`), a turn of the sentence (但是) or the sentence's end.
    """
    sentence = next((one for one in sentences(text) if one.start <= start < one.end), None)
    last = min(sentence.end if sentence else len(text), len(text) if stop is None else stop)
    before = text[sentence.start if sentence else 0 : start]
    after = text[end:last]
    compared = _comparison(f"{before}#{after}")
    if compared:
        return compared
    turning = _TURNING.search(after)
    return _valence(after[: turning.start()] if turning else after)


def _comparison(around: str) -> str | None:
    return next((verdict for how, verdict in _comparisons() if how.search(around)), None)


@cache
def _comparisons() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns over the sentence with the name as `#`, in the order they decide."""
    us, better, worse = (section(_RULES, name) for name in ("us", "better", "worse"))
    gap = "[^，。！？#]{0,6}"
    rival = "(?:人家|那个)?#"
    return tuple(
        (re.compile(expression), verdict)
        for expression, verdict in (
            (f"#{gap}(?:不如|没有|比不上|没){us}{gap}", NEGATIVE),
            (f"#{gap}比{us}{gap}{worse}", NEGATIVE),
            (f"#.{{0,16}}比{us}{gap}{better}", POSITIVE),
            (f"{us}{gap}(?:不如|没有|比不上){rival}", POSITIVE),
            (f"{us}{gap}[比跟和]{rival}{gap}{better}", NEGATIVE),
            (f"{us}{gap}[比跟和]{rival}{gap}{worse}", POSITIVE),
            (f"[比和跟]{rival}{gap}{us}{gap}贵", POSITIVE),
            (f"(?:倾向于?|看好|选)(?:了|的是)?{rival}", POSITIVE),
            (f"(?:换掉|不想用|不用|淘汰|弃用|抛弃|受够了?)(?:了|那个)?{rival}", NEGATIVE),
        )
    )


def _valence(words: str) -> str:
    good, bad = _count(words, "positive"), _count(words, "negative")
    if good == bad:
        return NEUTRAL
    return POSITIVE if good > bad else NEGATIVE


def _count(words: str, side: str) -> int:
    count = 0
    for match in pattern(_RULES, side).finditer(words):
        turned = re.search(section(_RULES, "negators"), words[: match.start()]) is not None
        count += -1 if turned else 1
    return count
