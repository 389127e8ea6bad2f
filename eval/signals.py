"""Customer intents and rep acts on three kinds of text, each beside a keyword list.

- `own_split`: families of our own corpora that a head trained for this figure alone has not seen. The rules were
  written with the corpora in sight, so it flatters them a little.
- `written`: the test half of `sets/intents.jsonl`, and `sets/rep_acts.jsonl`; both only counted.
- `data`: `intents*.jsonl` and `rep_acts*.jsonl` of the folder given, rows `{"text", "labels", "speaker"?, "before"?,
  "hard"?, "half"?}`, where it is not that of the written sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.errors import InputError
from domain.signals import Intent, RepAct, SignalKind
from eval.labelled import Judged, figures_of, keywords, reliability, said_by_words
from eval.rep_acts import judge_own_split as judge_own_acts
from eval.result import EvalResult, Figure
from signals.corpus import corpus_folder, read_rows, split
from signals.heads import Said
from signals.intent_head import IntentHead
from signals.intents import IntentDetector
from signals.pipeline import Detector, SignalDetector
from signals.rep_acts import RepActDetector

if TYPE_CHECKING:
    from language.encoder import Encoder

SUITE = "signals"
INTENTS = tuple(map(str, Intent))
ACTS = tuple(map(str, RepAct))
_TEST = "test"
_WRITTEN = "intents.jsonl"
_ACT_WORDS = "rep_act_keywords.toml"

Json = Mapping[str, Any]


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Measure; a folder without such rows gives the own figures alone."""
    encoder: Encoder = parts.encoder
    own, acts = judge_own_intents(encoder), judge_own_acts(encoder)
    intents, rep = (IntentDetector(), RepActDetector())
    written = judge_rows(_read(files("eval") / "sets" / _WRITTEN, _TEST), intents, encoder)
    unseen = judge_rows(_read(files("eval") / "sets" / "rep_acts.jsonl", _TEST), rep, encoder)
    figures = [
        *figures_of("intents_own_split", own, INTENTS),
        *figures_of("intents_written", written, INTENTS),
        *figures_of("rep_acts_own_split", acts, ACTS),
        *figures_of("rep_acts_written", unseen, ACTS),
        *data_figures(data, half, encoder),
    ]
    return EvalResult(
        suite=SUITE,
        data="own test split, written set, and the rows of the folder",
        figures=tuple(figures),
        rows=tuple(reliability(own)),
    )


def data_figures(data: Path, half: str, encoder: Encoder) -> list[Figure]:
    """Figures on the rows of a folder that are not our own written sets."""
    figures: list[Figure] = []
    for name, labels, detector in (("intents", INTENTS, IntentDetector()), ("rep_acts", ACTS, RepActDetector())):
        found = [file for file in sorted(data.glob(f"{name}*.jsonl")) if not _is_ours(file)]
        rows = [row for file in found for row in _read(file, half)]
        if rows:
            figures += figures_of(f"{name}_data", judge_rows(rows, detector, encoder), labels)
        else:
            figures.append(Figure(name=f"{name}_data_macro_f1", value=None, n=0, note=f"no {name}*.jsonl rows"))
    return figures


def judge_own_intents(encoder: Encoder) -> list[Judged]:
    """Train a head on the training families for these figures alone, and run it over the test families."""
    from signals.train_intents import fit_intents

    train, test = split(read_rows(corpus_folder("intents"), labels=INTENTS))
    weights = fit_intents(train, lambda texts: encoder.encode(texts, prefix="query"))
    detector = IntentDetector(head=IntentHead(weights, version="split", encoder=encoder.fingerprint))
    rows = [
        {
            "text": row.utterance.text,
            "labels": sorted(row.labels),
            "before": [{"speaker": said.speaker, "text": said.text} for said in row.utterance.before],
            "hard": row.hard,
        }
        for row in test
    ]
    return judge_rows(rows, detector, encoder)


def judge_rows(rows: Sequence[Json], detector: Detector, encoder: Encoder) -> list[Judged]:
    """Run a detector over labelled turns, each as the last of a short conversation."""
    is_intent = isinstance(detector, IntentDetector)
    speaker, kind = (CUSTOMER, SignalKind.INTENT) if is_intent else (REP, SignalKind.REP_ACT)
    words, rest = (keywords("intent_keywords.toml"), Intent.OTHER) if is_intent else (keywords(_ACT_WORDS), None)
    pipeline = SignalDetector([detector], encoder=encoder)
    judged = []
    for row in rows:
        said = [*_before(row), Said(speaker, row["text"])]
        turns = tuple(Turn(id=f"t{at}", speaker=one.speaker, text=one.text) for at, one in enumerate(said))
        found = pipeline.detect(Transcript(id="row", turns=turns))
        judged.append(
            Judged(
                wanted=frozenset(row["labels"]),
                hard=bool(row.get("hard", False)),
                found=tuple(one for one in found if one.kind is kind and one.turn_id == turns[-1].id),
                said_by_words=said_by_words(row["text"], words, rest=rest),
            )
        )
    return judged


def _before(row: Json) -> Iterator[Said]:
    for turn in row.get("before") or row.get("context") or ():
        yield Said(turn["speaker"], turn["text"])


def _read(file: Traversable | Path, half: str) -> list[Json]:
    """Rows of a file that name no half or this one.

    Raises:
        InputError: A line is no labelled row.
    """
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            if row.get("half", half) == half and row["text"] and isinstance(row["labels"], list):
                rows.append(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("signals.bad_row", file=file.name, line=number) from error
    return rows


def _is_ours(file: Path) -> bool:
    ours = files("eval") / "sets" / file.name
    return ours.is_file() and ours.read_bytes() == file.read_bytes()
