"""Public sets with the same index and the same weights: questions → paragraphs, and replies in a conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.cases import Passage
from domain.sources import Source, SourceKind, content_hash, document_source_id
from eval.rankings import ndcg_at, reciprocal_rank
from eval.result import Figure, mean
from retrieval.fusion import rank
from retrieval.index import Group
from retrieval.memory_index import MemoryIndex
from retrieval.passages import source_passages
from retrieval.query import read_query

if TYPE_CHECKING:
    from language.encoder import Encoder

_QUESTIONS = 600
"""Questions measured of each paragraph set, the first of the file; the targets were set on as many."""

_REPLY_LISTS = 800
_LATER_REPLY = 0.5
"""What each place in the list costs a reply: an answer tends to come at once. A prior of conversations, set by
hand after four values were tried on the visible half, so the figure with it is tuned; the one without stands beside."""

Json = Mapping[str, Any]


def public_figures(data: Path, half: str, encoder: Encoder) -> list[Figure]:
    """Figures of every set that is there; one that is not is said to be not measured."""
    figures = []
    for name in ("cmrc2018_retrieval", "drcd_retrieval"):
        figures += _paragraph_figures(data / name, half, encoder)
    figures += _snippet_figures(data / "rgb_zh_rag", half, encoder)
    figures += _reply_figures(data / "beike_realestate_qa", half, encoder)
    return figures


def _paragraph_figures(folder: Path, half: str, encoder: Encoder) -> list[Figure]:
    rows = _read(folder / f"{half}.jsonl")
    if not rows:
        return [_absent(f"{folder.name}_recall1")]
    texts = {row["pid"]: f"{row['title']}\n{row['text']}" for row in _read(folder / "corpus.jsonl")}
    index = _index(texts, encoder)
    firsts = [_ranked(index, row["question"], encoder)[:1] == [row["pid"]] for row in rows[:_QUESTIONS]]
    return [mean(f"{folder.name}_recall1", [float(first) for first in firsts])]


def _snippet_figures(folder: Path, half: str, encoder: Encoder) -> list[Figure]:
    """All snippets of all questions in one corpus; the first relevant one should come first."""
    rows = _read(folder / f"{half}.jsonl")
    if not rows:
        return [_absent(f"{folder.name}_ndcg10")]
    texts = {f"{row['id']}/{doc['doc_id']}": doc["text"] for row in rows for doc in row["docs"]}
    index = _index(texts, encoder)
    gains = []
    for row in rows:
        right = [f"{row['id']}/{doc['doc_id']}" for doc in row["docs"] if doc["relevant"]]
        gains.append(_gain(_ranked(index, row["query"], encoder), right))
    return [mean(f"{folder.name}_ndcg10", gains)]


def _reply_figures(folder: Path, half: str, encoder: Encoder) -> list[Figure]:
    rows = [row for row in _read(folder / f"{half}.jsonl") if any(reply["label"] for reply in row["replies"])]
    if not rows:
        return [_absent(f"{folder.name}_mrr")]
    rows = rows[:_REPLY_LISTS]
    index = _index_replies(rows, encoder)
    alone, in_order = [], []
    for row in rows:
        scores = _reply_scores(index, row, encoder)
        right = frozenset(str(reply["reply_id"]) for reply in row["replies"] if reply["label"])
        places = {str(reply["reply_id"]): place for place, reply in enumerate(row["replies"])}
        alone.append(reciprocal_rank(_falling(scores), right))
        later = {reply: scores[reply] - _LATER_REPLY * place for reply, place in places.items()}
        in_order.append(reciprocal_rank(_falling(later), right))
    return [
        mean(f"{folder.name}_mrr_text_alone", alone, note="lists with an answer"),
        mean(f"{folder.name}_mrr", in_order, note="lists with an answer; earlier replies favoured"),
    ]


def _index(texts: Mapping[str, str], encoder: Encoder) -> MemoryIndex:
    """Index texts as the product indexes documents."""
    passages = {name: tuple(source_passages(_source(name, text), column="text")) for name, text in texts.items()}
    return _filled(passages, {}, encoder)


def _index_replies(rows: Sequence[Json], encoder: Encoder) -> MemoryIndex:
    """Index every reply by itself; the facet `list` says whose it is."""
    replies = [(row["id"], reply) for row in rows for reply in row["replies"]]
    passages: dict[str, tuple[Passage, ...]] = {}
    facets: dict[str, Mapping[str, Sequence[str]]] = {}
    for list_id, reply in replies:
        name = f"{list_id}/{reply['reply_id']}"
        passages[name] = tuple(source_passages(_source(name, reply["text"]), column="text"))
        facets[name] = {"list": [list_id]}
    return _filled(passages, facets, encoder)


def _filled(
    passages: Mapping[str, tuple[Passage, ...]], facets: Mapping[str, Mapping[str, Sequence[str]]], encoder: Encoder
) -> MemoryIndex:
    every = [passage.text for found in passages.values() for passage in found]
    vectors = encoder.encode(every, prefix="passage")
    ends = np.cumsum([len(found) for found in passages.values()])
    index = MemoryIndex(encoder.dimension)
    index.put(
        [
            Group(id=name, passages=found, vectors=vectors[end - len(found) : end], facets=facets.get(name, {}))
            for (name, found), end in zip(passages.items(), ends, strict=True)
        ]
    )
    return index


def _source(name: str, text: str) -> Source:
    return Source(
        source_id=document_source_id(name),
        version=1,
        kind=SourceKind.DOCUMENT,
        title=name,
        text=text,
        content_hash=content_hash(text),
    )


def _ranked(index: MemoryIndex, question: str, encoder: Encoder) -> list[str]:
    query = read_query(question, encoder)
    candidates = index.candidates(query, limit=100, facets={})
    return [candidates.groups[one.place] for one in rank(candidates, query.facts, top_k=10)]


def _reply_scores(index: MemoryIndex, row: Json, encoder: Encoder) -> dict[str, float]:
    query = read_query(row["query"], encoder)
    candidates = index.candidates(query, limit=100, facets={"list": [row["id"]]})
    found = rank(candidates, query.facts, top_k=len(candidates.groups))
    scores = {candidates.groups[one.place].split("/")[1]: one.score for one in found}
    # A reply of punctuation alone has no passage; it comes last.
    return {str(reply["reply_id"]): scores.get(str(reply["reply_id"]), -100.0) for reply in row["replies"]}


def _falling(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda name: -scores[name])


def _gain(ranking: Sequence[str], right: Sequence[str]) -> float:
    """Normalised discounted cumulative gain at 10 with several right answers."""
    ideal = sum(1 / np.log2(place + 2) for place in range(min(len(right), 10)))
    return float(sum(ndcg_at(ranking, one, 10) for one in right) / ideal) if right else 0.0


def _read(path: Path) -> list[Json]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _absent(name: str) -> Figure:
    return Figure(name=name, value=None, n=0, note="the set is not there")
