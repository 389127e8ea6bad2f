"""Chinese punctuation where the recogniser left none, by pauses and a few rules; its own marks are kept.

Marks become full width, a space between Chinese words becomes a comma (that is what Whisper means by it), a
pause inside an unmarked stretch becomes a comma, and every turn ends in 。 or ？.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files

from speech.timed_text import TimedCharacter, TimedText, plain, said

_PAUSE_MS = 350
_LONG = 16
_LEAST = 4
_FULL_WIDTH = {",": "，", "?": "？", "!": "！", ":": "：", ";": "；", ".": "。", " ": "，", "\u3000": "，"}  # fmt: skip
_ENDS = frozenset("。？！…")


def punctuated(text: TimedText) -> TimedText:
    """Return one turn's text with its punctuation normalised and restored; what is said stays as it is."""
    marked = _with_pauses(_normalised(text))
    marked = _with_commas(marked)
    return _with_questions(_with_end(marked))


def _normalised(text: TimedText) -> TimedText:
    """Full-width marks, one at a time, none at the beginning; marks inside Latin text and numbers stay."""
    kept: list[TimedCharacter] = []
    for index, character in enumerate(text):
        if not character.is_mark:
            kept.append(character)
            continue
        before, after = kept[-1].text if kept else "", _next_said(text, index)
        if _is_latin(before) and _is_latin(after):
            kept.append(character)
        elif kept and not kept[-1].is_mark:
            kept.append(replace(character, text=_FULL_WIDTH.get(character.text, character.text)))
        elif kept and kept[-1].text == "，":
            kept[-1] = replace(kept[-1], text=_FULL_WIDTH.get(character.text, character.text))
    return tuple(kept)


def _next_said(text: TimedText, index: int) -> str:
    following = text[index + 1 : index + 2]
    return following[0].text if following else ""


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _with_pauses(text: TimedText) -> TimedText:
    """A comma where the speaker paused inside an unmarked stretch."""
    kept: list[TimedCharacter] = []
    since_mark = 0
    for character in text:
        pause = bool(kept) and character.start_ms - kept[-1].end_ms >= _PAUSE_MS
        if pause and not character.is_mark and since_mark >= _LEAST:
            kept.append(_mark("，", kept[-1]))
            since_mark = 0
        since_mark = 0 if character.is_mark else since_mark + 1
        kept.append(character)
    return tuple(kept)


def _with_commas(text: TimedText) -> TimedText:
    """A comma before a connective in a stretch of more than sixteen characters without a mark."""
    kept: list[TimedCharacter] = []
    for clause in _clauses(text):
        kept += _broken(clause) if len(said(clause)) > _LONG else clause
    return tuple(kept)


def _broken(clause: TimedText) -> list[TimedCharacter]:
    words = plain(clause)
    kept: list[TimedCharacter] = []
    last = 0
    for match in _connectives().finditer(words):
        at = match.start()
        if at - last >= _LEAST + 2 and len(words) - at >= _LEAST:
            kept += [*clause[last:at], _mark("，", clause[at - 1])]
            last = at
    return [*kept, *clause[last:]]


def _with_end(text: TimedText) -> TimedText:
    if not said(text):
        return text
    last = text[-1]
    if last.text in _ENDS:
        return text
    return (*text[:-1], replace(last, text="。")) if last.is_mark else (*text, _mark("。", last))


def _with_questions(text: TimedText) -> TimedText:
    """A full stop after a question becomes a question mark; a statement's mark is never touched."""
    characters = list(text)
    start = 0
    for index, character in enumerate(characters):
        if character.text in _ENDS:
            if character.text == "。" and _is_question(plain(characters[start:index])):
                characters[index] = replace(character, text="？")
            start = index + 1
    return tuple(characters)


def _is_question(sentence: str) -> bool:
    return bool(_asks().search(sentence)) and not _tells().search(sentence)


def _clauses(text: TimedText) -> list[TimedText]:
    clauses: list[TimedText] = []
    start = 0
    for index, character in enumerate(text):
        if character.is_mark:
            clauses.append(text[start : index + 1])
            start = index + 1
    return [*clauses, text[start:]]


def _mark(mark: str, after: TimedCharacter) -> TimedCharacter:
    return TimedCharacter(text=mark, start_ms=after.end_ms, end_ms=after.end_ms, probability=after.probability)


@cache
def _rules() -> dict[str, list[str]]:
    return tomllib.loads((files("speech") / "punctuation.toml").read_text(encoding="utf-8"))


@cache
def _asks() -> re.Pattern[str]:
    return re.compile("|".join(_rules()["questions"]))


@cache
def _tells() -> re.Pattern[str]:
    return re.compile("|".join(_rules()["statements"]))


@cache
def _connectives() -> re.Pattern[str]:
    return re.compile("|".join(sorted(_rules()["connectives"], key=len, reverse=True)))
