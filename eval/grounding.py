"""The grounding gate on labelled pairs (`sets/agent/pairs.jsonl`): what passes, what is dropped, and the ROC.

Labelling rule: a claim is supported when everybody who reads the quotes must agree with every part of it;
a changed number, name, actor, direction, condition or firmness, or anything added, makes it unsupported.
Weights (`agent/support.json`) are fitted on the dev half by `fit`; figures are quoted on test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.drafts import DraftSentence
from agent.grounding import Gate, Verdict
from agent.support import FEATURES, SupportModel, SupportScorer
from agent.vectors import Vectors
from domain.conversation import CUSTOMER
from domain.lexicon import LexiconEntry, LexiconKind
from domain.sources import Source, SourceKind, cite, content_hash
from eval.result import EvalResult, Figure, proportion

SUITE = "grounding"
_RIVALS = tuple(LexiconEntry(name=name, kind=LexiconKind.COMPETITOR) for name in ("云舟科技", "数擎软件"))
THRESHOLD = 0.4
"""Chosen on the dev half for at most 2 % of unsupported pairs passing, counted as (passed + 1) / (n + 1), with room for
what rules were written on; 0.35 keeps as many, 0.3 keeps 2 % more and passes twice as many."""
OVERLAP_THRESHOLD = 0.3
"""Without vectors; where, over families left out, recall and what passes wrongly cross best."""
_WRONG_SHARES = (0.02, 0.05, 0.10)
"""Points of the ROC that are printed: shares of unsupported pairs that would pass by the score alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A claim, the sources it cites whole, and whether they support it; `why` says how it fails."""

    id: str
    half: str
    claim: str
    sources: tuple[Source, ...]
    supported: bool
    why: str

    @property
    def sentence(self) -> DraftSentence:
        """The claim as the gate reads it."""
        return DraftSentence(text=self.claim, citations=tuple(cite(one, 0, len(one.text)) for one in self.sources))


def run(data: Path, *, half: str, parts: Any) -> EvalResult:
    """Judge all pairs; `data` is not read, the set ships with the project."""
    vectors = Vectors(parts.encoder)
    figures: list[Figure] = []
    rows: list[Mapping[str, object]] = []
    for name in ("test", "dev"):
        pairs = labelled_pairs(name)
        gate = Gate(SupportScorer(vectors), lexicon=_RIVALS)
        verdicts = [gate.judge(pair.sentence, _by_key(pair)) for pair in pairs]
        prefix = "" if name == "test" else "dev_"
        figures += figures_of(pairs, verdicts, prefix)
        figures += _roc_figures(pairs, SupportScorer(vectors), prefix)
        rows += [_row(pair, verdict) for pair, verdict in zip(pairs, verdicts, strict=True)]
    return EvalResult(
        suite=SUITE, data="written pairs, test half (dev beside it)", figures=tuple(figures), rows=tuple(rows)
    )


def labelled_pairs(half: str) -> list[Pair]:
    """Return the pairs of one half."""
    text = (files("eval") / "sets" / "agent" / "pairs.jsonl").read_text(encoding="utf-8")
    return [_pair(json.loads(line)) for line in text.splitlines() if line and json.loads(line)["half"] == half]


def figures_of(pairs: Sequence[Pair], verdicts: Sequence[Verdict], prefix: str) -> list[Figure]:
    """Return citation recall and precision as ALCE counts them, with labels in place of its judge.

    References:
        Gao et al., Enabling Large Language Models to Generate Text with Citations, EMNLP 2023.
    """
    judged = list(zip(pairs, verdicts, strict=True))
    supported = [verdict for pair, verdict in judged if pair.supported]
    unsupported = [(pair, verdict) for pair, verdict in judged if not pair.supported]
    kept = [pair for pair, verdict in judged if verdict.is_grounded]
    figures = [
        proportion(f"{prefix}citation_recall", sum(one.is_grounded for one in supported), len(supported)),
        proportion(f"{prefix}citation_precision", sum(pair.supported for pair in kept), len(kept)),
        proportion(f"{prefix}unsupported_passed", sum(one.is_grounded for _, one in unsupported), len(unsupported)),
    ]
    for why in sorted({pair.why for pair, _ in unsupported}):
        same = [verdict for pair, verdict in unsupported if pair.why == why]
        figures.append(proportion(f"{prefix}passed.{why}", sum(one.is_grounded for one in same), len(same)))
    return figures


def roc(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> list[tuple[float, float, float]]:
    """Return (threshold, false positive rate, true positive rate) from the highest threshold down."""
    order = np.argsort(-scores, kind="stable")
    positive, negative = max(1, int(labels.sum())), max(1, int((~labels).sum()))
    hits, misses = np.cumsum(labels[order]), np.cumsum(~labels[order])
    return [
        (float(scores[order][place]), float(misses[place] / negative), float(hits[place] / positive))
        for place in range(len(order))
    ]


def area_under(curve: Sequence[tuple[float, float, float]]) -> float:
    """Return the area under a ROC by the trapezoid rule."""
    x = np.array([0.0, *(point[1] for point in curve), 1.0])
    y = np.array([0.0, *(point[2] for point in curve), 1.0])
    return float(np.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2))


def fit(vectors: Vectors | None) -> SupportModel:
    """Fit the support score on the dev pairs that the other checks let through: what it has to tell apart.

    The threshold was chosen by eight-fold cross-validation over families; see `THRESHOLD`.
    """
    from sklearn.linear_model import LogisticRegression

    encoder = vectors.fingerprint if vectors else ""
    anything = SupportModel(weights=(0.0,) * len(FEATURES), bias=0.0, threshold=0.0, encoder=encoder)
    scorer = SupportScorer(vectors, model=anything)
    gate = Gate(scorer, lexicon=_RIVALS)
    pairs = [pair for pair in labelled_pairs("dev") if gate.judge(pair.sentence, _by_key(pair)).is_grounded]
    features = np.array([scorer.features(pair.claim, _quotes(pair), _place_words(pair)) for pair in pairs])
    labels = np.array([pair.supported for pair in pairs])
    used = features if vectors else features * np.array([float("meaning" not in name) for name in FEATURES])
    model = LogisticRegression(C=10.0, max_iter=3000, class_weight="balanced").fit(used, labels)
    return SupportModel(
        weights=tuple(round(float(weight), 4) for weight in model.coef_[0]),
        bias=round(float(model.intercept_[0]), 4),
        threshold=THRESHOLD if vectors else OVERLAP_THRESHOLD,
        encoder=encoder,
    )


def _roc_figures(pairs: Sequence[Pair], scorer: SupportScorer, prefix: str) -> list[Figure]:
    """Return the area under the score's ROC, and the supported share kept at a few shares of wrong ones."""
    scores = np.array([scorer.score(pair.claim, _quotes(pair), _place_words(pair)) for pair in pairs])
    curve = roc(scores, np.array([pair.supported for pair in pairs]))
    kept = [max((hit for _, wrong, hit in curve if wrong <= most), default=0.0) for most in _WRONG_SHARES]
    return [
        Figure(name=f"{prefix}support_score_auc", value=area_under(curve), n=len(pairs)),
        *(
            Figure(name=f"{prefix}roc_kept_at_{most:.2f}_wrong", value=share, n=len(pairs))
            for most, share in zip(_WRONG_SHARES, kept, strict=True)
        ),
    ]


def _quotes(pair: Pair) -> list[str]:
    return [source.text for source in pair.sources]


def _place_words(pair: Pair) -> list[str]:
    from agent.columns import words_of_place

    return [word for source in pair.sources for word in words_of_place(source, source.speaker)]


def _by_key(pair: Pair) -> dict[tuple[str, int], Source]:
    return {(source.source_id, source.version): source for source in pair.sources}


def _pair(document: Mapping[str, Any]) -> Pair:
    places = document.get("places") or [f"doc:{document['family']}-{n}" for n in range(len(document["quotes"]))]
    sources = tuple(_source(place, quote) for place, quote in zip(places, document["quotes"], strict=True))
    return Pair(
        id=document["id"],
        half=document["half"],
        claim=document["claim"],
        sources=sources,
        supported=document["supported"],
        why=document["why"],
    )


def _source(source_id: str, text: str) -> Source:
    kind = SourceKind(source_id.split(":", 1)[0])
    return Source(
        source_id=source_id,
        version=1,
        kind=kind,
        title="",
        text=text,
        content_hash=content_hash(text),
        speaker=CUSTOMER if kind is SourceKind.TURN else None,
    )


def _row(pair: Pair, verdict: Verdict) -> Mapping[str, object]:
    failed = next((check for check in verdict.checks if not check.passed), None)
    return {
        "id": pair.id,
        "claim": pair.claim,
        "supported": pair.supported,
        "why": pair.why,
        "kept": verdict.is_grounded,
        "score": round(verdict.score, 3),
        "failed": f"{failed.name}:{failed.detail}" if failed else None,
    }
