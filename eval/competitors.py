"""Competitor mentions: the written set (exact, alias, homophone, unknown, traps) and public sets with brand names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from domain.conversation import CUSTOMER, Transcript, Turn
from domain.lexicon import Lexicon, LexiconEntry, LexiconKind
from domain.signals import Signal
from eval.agreement import Counts, count, f1_figure, overlap, precision_figure, recall_figure
from eval.result import EvalResult, Figure, proportion
from eval.written import WrittenRow, beside, detected, written_rows
from signals.competitors import CompetitorDetector
from signals.pipeline import SignalDetector

SUITE = "competitors"
_BANKS = "brand_company_lexicon/bank_aliases_from_bdci_visible.jsonl"
_BRANDS = "brand_company_lexicon/nsi_zh_brands.jsonl"
_PUBLIC_ROWS = 1500


def run(data: Path, *, half: str, parts: Any = None) -> EvalResult:
    """Measure on the written test half and, where `data` has them, on the public sets' `half`."""
    figures = [*beside(written_figures, SUITE), *_public_figures(data, half)]
    return EvalResult(suite=SUITE, data=f"written set (test) and {half} public sets", figures=tuple(figures))


def written_figures(suite: str, half: str) -> list[Figure]:
    """Figures of one half of the written set; mentions match by label (known) and place."""
    rows = [(row, detected(row, [CompetitorDetector()])) for row in written_rows(suite, half)]

    def counts(keep_found: Callable[[Signal], bool], keep: Callable[[Mapping[str, Any]], bool]) -> list[Counts]:
        return [_count(row, [s for s in found if keep_found(s)], [e for e in row.expected if keep(e)])
                for row, found in rows]  # fmt: skip

    as_written = counts(_said_as("exact", "alias"), lambda e: e["how"] in ("exact", "alias"))
    heard = counts(_said_as("homophone"), lambda e: e["how"] == "homophone")
    unknown = counts(_said_as("candidate"), lambda e: e["how"] == "unknown")
    return [
        f1_figure("overall_f1", counts(lambda s: True, lambda e: True)),
        f1_figure("exact_alias_f1", as_written),
        precision_figure("homophone_precision", heard),
        recall_figure("homophone_recall", heard),
        precision_figure("unknown_precision", unknown),
        recall_figure("unknown_recall", unknown),
        _traps(rows),
        _sentiment(rows),
    ]


def _said_as(*ways: str) -> Callable[[Signal], bool]:
    return lambda signal: signal.attributes["match"] in ways


def _count(row: WrittenRow, found: Sequence[Signal], expected: Sequence[Mapping[str, Any]]) -> Counts:
    return count(found, expected, _alike)


def _alike(signal: Signal, expected: Mapping[str, Any]) -> float:
    if signal.turn_id != expected["turn_id"] or signal.attributes["known"] != expected["known"]:
        return 0.0
    if expected["known"] and signal.label != expected["label"]:
        return 0.0
    return overlap((signal.start, signal.end), (expected["start"], expected["end"]))


def _traps(rows: Sequence[tuple[WrittenRow, Sequence[Signal]]]) -> Figure:
    clean = [found for row, found in rows if not row.expected]
    return proportion("trap_rows_left_alone", sum(not found for found in clean), len(clean))


def _sentiment(rows: Sequence[tuple[WrittenRow, Sequence[Signal]]]) -> Figure:
    judged = [
        signal.attributes["sentiment"] == expected["sentiment"]
        for row, found in rows
        for expected in row.expected
        if "sentiment" in expected
        for signal in found
        if _alike(signal, expected) >= 0.5
    ]
    return proportion("sentiment_accuracy", sum(judged), len(judged))


def _public_figures(data: Path, half: str) -> list[Figure]:
    figures: list[Figure] = []
    banks = _lexicon(data / _BANKS)
    if banks:
        figures += _against(data / "bdci_bank_comments", half, banks, "BANK", "bdci_bank")
    brands = _lexicon(data / _BRANDS)
    if brands:
        for name, kind in (
            ("cluener_dev", "company"),
            ("boson_company_product_ner", "company_name"),
            ("ecommerce_brand_ner", "BRAND"),
        ):
            figures += _against(data / name, half, brands, kind, name)
        figures += _targets(data / "cote_brand_targets", half, brands)
    return figures or [Figure(name="public_sets", value=None, n=0, note="no public data under --data")]


def _lexicon(path: Path) -> Lexicon:
    if not path.is_file():
        return ()
    entries = []
    for document in _lines(path):
        name = document.get("brand_zh") or document.get("alias")
        forms = [form for form in document.get("aliases", ()) if form and form != name]
        if name:
            entries.append(LexiconEntry(name=name, aliases=tuple(forms), kind=LexiconKind.COMPETITOR))
    return tuple(entries)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _known_mentions(text: str, lexicon: Lexicon) -> list[tuple[int, int]]:
    transcript = Transcript(id="row", turns=(Turn(id="t001", speaker=CUSTOMER, text=text),))
    found = SignalDetector([CompetitorDetector()]).detect(transcript, lexicon=lexicon)
    return [(signal.start, signal.end) for signal in found if signal.attributes["known"]]


def _against(folder: Path, half: str, lexicon: Lexicon, kind: str, name: str) -> list[Figure]:
    """Known mentions against annotated entities: recall over those that are written as in the lexicon."""
    path = folder / f"{half}.jsonl"
    if not path.is_file():
        return []
    forms = {form.lower() for entry in lexicon for form in entry.forms}
    rows = []
    for document in list(_lines(path))[:_PUBLIC_ROWS]:
        entities = [(e["start"], e["end"]) for e in document["entities"] if e["type"] == kind]
        listed = [span for span in entities if document["text"][span[0] : span[1]].lower() in forms]
        found = _known_mentions(document["text"], lexicon)
        right = [span for span in found if any(_inside(span, entity) for entity in entities)]
        hits = count(right, listed, overlap).hits
        rows.append(Counts(hits=hits, false_alarms=len(found) - len(right), misses=len(listed) - hits))
    note = "recall over entities written as in the lexicon; a mention inside a longer entity is no false alarm"
    return [
        precision_figure(f"{name}_precision", rows, note=note),
        recall_figure(f"{name}_recall", rows, note=note),
        f1_figure(f"{name}_f1", rows, note=note),
    ]


def _inside(span: tuple[int, int], entity: tuple[int, int]) -> bool:
    return entity[0] <= span[0] and span[1] <= entity[1]


def _targets(folder: Path, half: str, lexicon: Lexicon) -> list[Figure]:
    """Recall of the one annotated target of a review, where the lexicon has it; other brands are not annotated."""
    path = folder / f"{half}.jsonl"
    if not path.is_file():
        return []
    forms = {form.lower() for entry in lexicon for form in entry.forms}
    listed = [document for document in _lines(path) if document["target"].lower() in forms and document["start"] >= 0]
    hits = sum(
        any(_inside(span, (document["start"], document["end"])) for span in _known_mentions(document["text"], lexicon))
        for document in listed
    )
    return [proportion("cote_target_recall", hits, len(listed))]
