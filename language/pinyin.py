"""Mandarin sounds: toneless syllables aligned with characters, and how easily two of them are mixed up.

Speech recognisers write the right sounds with the wrong characters (启明软件 → 其名乱剑), and many
speakers merge sounds (n/l, in/ing, z/zh, f/h). Distances here ignore tones and weigh such mergers lightly.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs")
_GLIDES = {
    "yi": "i", "ya": "ia", "yan": "ian", "yang": "iang", "yao": "iao", "ye": "ie", "yin": "in", "ying": "ing",
    "yo": "uo", "yong": "iong", "you": "iou", "yu": "ü", "yuan": "üan", "yue": "üe", "yun": "ün",
    "wu": "u", "wa": "ua", "wai": "uai", "wan": "uan", "wang": "uang", "wei": "uei", "wen": "uen", "weng": "ueng",
    "wo": "uo",
}  # fmt: skip
_CONTRACTED = {"iu": "iou", "ui": "uei", "un": "uen"}
_AFTER_PALATAL = {"u": "ü", "uan": "üan", "ue": "üe", "un": "ün", "uen": "ün"}
_APICAL = frozenset(("zh", "ch", "sh", "r", "z", "c", "s"))


def syllables(text: str) -> list[str]:
    """Return one toneless syllable per character, `len(result) == len(text)`.

    Readings follow the phrase a character stands in (银行 → yin hang). A character that is not
    Chinese stands for itself in lower case. ü is written `v`, as keyboards do (绿 → lv).
    """
    from pypinyin import lazy_pinyin

    spelled = lazy_pinyin(text, errors=_one_by_one, v_to_u=False)
    return [syllable.lower() for syllable in spelled]


@lru_cache(maxsize=8192)
def readings(character: str) -> frozenset[str]:
    """Return every toneless reading of one character (重 → zhong, chong)."""
    from pypinyin import Style, pinyin

    spelled = pinyin(character, style=Style.NORMAL, heteronym=True, errors=_one_by_one, v_to_u=False)
    return frozenset(reading.lower() for reading in spelled[0])


@cache
def split_syllable(syllable: str) -> tuple[str, str]:
    """Split a toneless syllable into its initial and its full final: `liu` → (`l`, `iou`), `yuan` → (``, `üan`).

    The vowel of zhi, chi, shi, ri, zi, ci and si is written `-i`. What is no syllable comes back
    as its own final.
    """
    if syllable in _GLIDES:
        return "", _GLIDES[syllable]
    initial = next((start for start in _INITIALS if syllable.startswith(start)), "")
    final = syllable[len(initial) :].replace("v", "ü")
    final = _CONTRACTED.get(final, final)
    if initial in ("j", "q", "x"):
        final = _AFTER_PALATAL.get(final, final)
    if final == "i" and initial in _APICAL:
        final = "-i"
    if final == "o" and initial:
        final = "uo"
    return initial, final


@lru_cache(maxsize=65536)
def syllable_distance(a: str, b: str) -> float:
    """How unlike two toneless syllables sound: 0 the same, 1 unrelated, symmetric."""
    if a == b:
        return 0.0
    (initial_a, final_a), (initial_b, final_b) = split_syllable(a), split_syllable(b)
    if not (a.isascii() and a.isalpha() and b.isascii() and b.isalpha()):
        return 1.0
    initials, finals = _confusions("initials"), _confusions("finals")
    apart = initials.cost(initial_a, initial_b) + finals.cost(final_a, final_b)
    return min(1.0, apart)


def fuzzy_distance(a: str | Sequence[str], b: str | Sequence[str], *, gap: float = 1.0) -> float:
    """Weighted edit distance between the sounds of two texts, in syllables.

    Args:
        a: A text, or its syllables where the caller has them already.
        b: The same.
        gap: Cost of a syllable that one side lacks.

    Returns:
        0 for homophones; one unrelated syllable adds 1, a merged sound (n/l, in/ing, z/zh, f/h) about 0.1.
    """
    left = syllables(a) if isinstance(a, str) else a
    right = syllables(b) if isinstance(b, str) else b
    row = [gap * column for column in range(len(right) + 1)]
    for count, sound in enumerate(left, start=1):
        diagonal, row[0] = row[0], gap * count
        for column, other in enumerate(right, start=1):
            changed = diagonal + syllable_distance(sound, other)
            diagonal = row[column]
            row[column] = min(changed, diagonal + gap, row[column - 1] + gap)
    return row[-1]


def _one_by_one(text: str) -> Any:
    """Give back every character by itself: pypinyin accepts a list here, its types say str."""
    return list(text)


class _Confusions:
    """Symmetric costs of one half of the syllable."""

    def __init__(self, table: Mapping[str, object]) -> None:
        self._unrelated = float(str(table["unrelated"]))
        pairs = table["pairs"]
        assert isinstance(pairs, list)  # noqa: S101  # our own data file
        self._costs = {frozenset((a, b)): float(cost) for a, b, cost in pairs}

    def cost(self, a: str, b: str) -> float:
        if a == b:
            return 0.0
        return self._costs.get(frozenset((a, b)), self._unrelated)


@cache
def _confusions(half: str) -> _Confusions:
    table = tomllib.loads((files("language") / "pinyin.toml").read_text(encoding="utf-8"))
    return _Confusions(table[half])
