"""Sentences that a model drafted, judged again from their file and counted against their labels."""

from __future__ import annotations

from agent.grounding import Gate
from agent.support import SupportScorer
from domain.sources import Source, SourceKind, content_hash
from eval.draft_rows import read_drafts, source_document
from eval.drafts import figures_of

TEXT = "11台老设备用了13天接完，停机时间下降四成。"
SOURCE = Source(
    source_id="case:C-1:result", version=1, kind=SourceKind.CASE, title="", text=TEXT, content_hash=content_hash(TEXT)
)


def draft(*said: str) -> dict[str, object]:
    return {
        "id": "G-1",
        "half": "dev",
        "kind": "ask",
        "sources": [source_document(SOURCE)],
        "sentences": [{"text": text, "cites": [[0, 0, len(TEXT)]]} for text in said],
    }


def test_what_passes_and_what_is_dropped_is_counted_against_the_labels() -> None:
    labels = [
        {"id": "G-1.1", "supported": True, "why": ""},
        {"id": "G-1.2", "supported": False, "why": "number"},
        {"id": "G-1.3", "supported": False, "why": "other"},
    ]
    said = read_drafts([draft("11台老设备用了13天接完。", "11台老设备用了31天接完。", TEXT)], labels)
    gate = Gate(SupportScorer(None))
    figures = figures_of(said, [gate.judge(one.sentence, one.sources) for one in said], "")
    assert {figure.name: (figure.value, figure.n) for figure in figures} == {
        "unsupported_passed": (0.5, 2),
        "supported_dropped": (0.0, 1),
        "citations_resolve": (1.0, 3),
    }


def test_a_sentence_that_nobody_labelled_has_no_label() -> None:
    assert [one.supported for one in read_drafts([draft("停机时间下降四成。")], [])] == [None]
