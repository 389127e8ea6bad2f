"""The parts of training that are ours."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from signals.train import fit_together


def test_one_descent_finds_what_a_regression_for_each_label_finds() -> None:
    numbers = np.random.default_rng(11)
    matrix = numbers.normal(size=(300, 6)).astype(np.float32)
    targets = (matrix @ numbers.normal(size=(6, 3)) + numbers.normal(size=(300, 3))) > 0.5
    weights, offsets = fit_together(matrix, targets, 3.0)
    for label, column in enumerate(targets.T):
        model = LogisticRegression(C=3.0, class_weight={True: 2.0, False: 1.0}, tol=1e-8).fit(matrix, column)
        np.testing.assert_allclose(weights[:, label], model.coef_[0], atol=0.02)
        np.testing.assert_allclose(offsets[label], model.intercept_[0], atol=0.02)
