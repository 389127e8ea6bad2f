"""Names put right: recovery of homophone-corrupted names in text, and false changes on real recognised speech.

The text side is a simulation (its corruptions are exact homophones). The speech side recognises real voices, then
corrects them with a long list of names that are not said, which can only do harm: every change is a false one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from domain.lexicon import LexiconEntry
from eval.result import EvalResult, Figure, proportion
from eval.speech_heard import Parts
from eval.speech_scores import folded
from eval.speech_sets import utterances
from language.script import apply_edits
from speech.correction import NameCorrector
from speech.timed_text import spread

SUITE = "hotwords"
_NAMES, _PAIRS = "hotword_aishell1_ne", "hotword_homophone_zh_derived"
_DOUBT = 0.6


def run(data: Path, *, half: str = "visible", parts: Parts) -> EvalResult:
    """Measure on the name lists and pairs under `data`, and on the read speech there."""
    names = _names(data)
    if not names:
        return EvalResult(suite=SUITE, data=half, figures=(), skipped="no name lists under the data folder")
    figures = [*text_figures(list(_rows(data / _PAIRS / f"{half}.jsonl")), names), *_speech(data, half, names, parts)]
    return EvalResult(suite=SUITE, data=f"{half}, {len(names)} names", figures=tuple(figures))


def text_figures(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[Figure]:
    """Recovery on corrupted rows and untouched controls, with every character equally doubtful (0.6)."""
    corrector = NameCorrector(names)
    done = [
        (row, apply_edits(text, corrector.edits(spread(text, 0, 1000, _DOUBT))))
        for row in rows
        for text in [row["text_asr_like"]]
    ]
    corrupted = [(row, out) for row, out in done if row["corrupted"]]
    controls = [(row, out) for row, out in done if not row["corrupted"]]
    recovered = sum(row["hotword"] in out for row, out in corrupted)
    return [
        proportion("text.recovery", recovered, len(corrupted)),
        proportion("text.whole_sentence_right", sum(out == row["reference"] for row, out in corrupted), len(corrupted)),
        proportion("text.controls_untouched", sum(out == row["reference"] for row, out in controls), len(controls)),
    ]


def harmed(reference: str, before: str, after: str) -> int:
    """Reference characters that were right before a correction and are not after it."""
    return len(_right(reference, before) - _right(reference, after))


def _speech(data: Path, half: str, names: Sequence[str], parts: Parts) -> list[Figure]:
    lexicon = tuple(LexiconEntry(name=name) for name in names)
    wrong = characters = 0
    for utterance in utterances(data, half):
        turns = parts.transcriber.transcribe(utterance.audio, lexicon=lexicon).turns
        before = "".join(turn.original_text or turn.text for turn in turns)
        wrong += harmed(utterance.text, before, "".join(turn.text for turn in turns))
        characters += len(folded(utterance.text))
    if not characters:
        return [Figure(name="speech.false_changes_per_1000", value=None, n=0, note="no recordings")]
    return [Figure(name="speech.false_changes_per_1000", value=wrong * 1000 / characters, n=characters)]


def _right(reference: str, text: str) -> set[int]:
    from rapidfuzz.distance import Levenshtein

    blocks = Levenshtein.opcodes(folded(reference), folded(text))
    return {place for block in blocks if block.tag == "equal" for place in range(block.src_start, block.src_end)}


def _names(data: Path) -> list[str]:
    rows = (row for part in ("test", "dev") for row in _rows(data / _NAMES / f"hotwords_{part}.jsonl"))
    return list(dict.fromkeys(row["word"] for row in rows))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_file():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())
