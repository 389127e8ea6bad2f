"""Drafts of a language model as they are kept: each sentence with what it cites, and its label beside it.

`sets/agent/drafts.jsonl` is written by `eval.generate_drafts` and never edited; `draft_labels.jsonl` has the labels,
given by hand by the rule in `sets/agent/README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from agent.drafts import DraftSentence
from agent.grounding import SourceKey
from domain.sources import Source, SourceKind, cite, content_hash

DRAFTS, LABELS = "drafts.jsonl", "draft_labels.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedSentence:
    """One sentence that a model drafted, as the gate gets it.

    Attributes:
        id: The draft's id and the sentence's place in it, from 1.
        half: dev or test, as the task that was asked.
        supported: What the annotator says; None where nobody has read it yet.
        why: One word for how it fails, empty where it is supported.
    """

    id: str
    half: str
    kind: str
    sentence: DraftSentence
    sources: Mapping[SourceKey, Source]
    supported: bool | None
    why: str


def drafted_sentences() -> list[DraftedSentence]:
    """Return the sentences of the kept drafts in order, with their labels; none where no drafts were made yet."""
    return read_drafts(_lines(DRAFTS), _lines(LABELS))


def read_drafts(drafts: Iterable[Mapping[str, Any]], labels: Iterable[Mapping[str, Any]]) -> list[DraftedSentence]:
    """Return the sentences of drafts in order, each with its label if it has one."""
    by_id = {label["id"]: label for label in labels}
    return [one for draft in drafts for one in _sentences(draft, by_id)]


def source_document(source: Source) -> Mapping[str, object]:
    """Return a source as a draft's line keeps it."""
    return {
        "source_id": source.source_id,
        "version": source.version,
        "kind": source.kind.value,
        "title": source.title,
        "text": source.text,
        "speaker": source.speaker,
    }


def _sentences(draft: Mapping[str, Any], labels: Mapping[str, Mapping[str, Any]]) -> list[DraftedSentence]:
    sources = [_source(document) for document in draft["sources"]]
    by_key = {(source.source_id, source.version): source for source in sources}
    found = []
    for place, row in enumerate(draft["sentences"], start=1):
        name = f"{draft['id']}.{place}"
        label = labels.get(name, {"supported": None, "why": ""})
        found.append(
            DraftedSentence(
                id=name,
                half=draft["half"],
                kind=draft["kind"],
                sentence=_sentence(row, sources),
                sources=by_key,
                supported=label["supported"],
                why=label["why"],
            )
        )
    return found


def _sentence(row: Mapping[str, Any], sources: Sequence[Source]) -> DraftSentence:
    cited = tuple(cite(sources[number], start, end) for number, start, end in row["cites"])
    return DraftSentence(text=row["text"], citations=cited)


def _source(document: Mapping[str, Any]) -> Source:
    return Source(
        source_id=document["source_id"],
        version=document["version"],
        kind=SourceKind(document["kind"]),
        title=document["title"],
        text=document["text"],
        content_hash=content_hash(document["text"]),
        speaker=document["speaker"],
    )


def _lines(name: str) -> list[Mapping[str, Any]]:
    file = files("eval") / "sets" / "agent" / name
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
