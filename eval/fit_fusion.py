"""Fit the fusion weights on the development halves of both query sets: `python -m eval.fit_fusion`.

Each query is a choice among all cases; the weights maximise the likelihood of the right one (softmax over the
weighed features) under a small quadratic penalty, and none may be negative. Printed, rounded, and written by
hand into `retrieval/fusion.toml`, so that a change of ranking is always a change that somebody read.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eval.retrieval import FACTS, OWN, QuerySet, cases_of, index_cases, queries_of
from retrieval.fusion import FEATURES, default_weights, features
from retrieval.query import read_query

if TYPE_CHECKING:
    from language.encoder import Encoder

PENALTY = 0.02
_EVERY_CASE = 10_000

Matrix = NDArray[np.float64]


def dev_features(encoder: Encoder, asked_of: QuerySet) -> tuple[list[Matrix], list[int]]:
    """Return each development query's features, (cases, features), and the row of the right case."""
    index = index_cases(cases_of(asked_of), encoder)
    matrices, right = [], []
    for asked in queries_of(asked_of):
        if asked.half == "dev":
            query = read_query(asked.text, encoder)
            candidates = index.candidates(query, limit=_EVERY_CASE, facets={})
            matrices.append(features(candidates, query.facts, weights=default_weights()))
            right.append(candidates.groups.index(asked.case_id))
    return matrices, right


def fit(matrices: list[Matrix], right: list[int], *, penalty: float = PENALTY) -> dict[str, float]:
    """Return feature to weight."""
    from scipy.optimize import minimize

    scale = np.concatenate(matrices).std(axis=0) + 1e-6

    def objective(weights: Matrix) -> tuple[float, Matrix]:
        loss, gradient = 0.0, np.zeros_like(weights)
        for matrix, place in zip(matrices, right, strict=True):
            scores = matrix @ weights
            shares = np.exp(scores - scores.max())
            shares /= shares.sum()
            loss -= float(np.log(shares[place]))
            gradient -= matrix[place] - shares @ matrix
        count = len(matrices)
        cost = loss / count + penalty * float(((weights * scale) ** 2).sum())
        return cost, gradient / count + 2 * penalty * weights * scale**2

    start = np.full(len(FEATURES), 0.1)
    found = minimize(objective, start, jac=True, bounds=[(0, None)] * len(FEATURES), method="L-BFGS-B")
    return dict(zip(FEATURES, found.x.tolist(), strict=True))


def main() -> None:
    """Print the weights in the form of `retrieval/fusion.toml`."""
    from zhanqing.bootstrap import build

    encoder = build().encoder
    matrices, right = dev_features(encoder, OWN)
    more, more_right = dev_features(encoder, FACTS)
    matrices, right = matrices + more, right + more_right
    for name, weight in fit(matrices, right).items():
        sys.stdout.write(f"{name} = {weight:.2f}\n")


if __name__ == "__main__":
    main()
