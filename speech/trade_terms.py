"""The everyday words of B2B sales calls, put right where they make no sense as written.

They help only where such a call is going on, so they are used only when the text itself shows that: its terms
must be many and dense. On speech of other subjects they would do harm now and then.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from speech.correction import CorrectionWeights, NameCorrector

_WEIGHTS = CorrectionWeights(name=-12.6, shared=False, threshold=1.5)
_EVERYDAY = "talk"
_FEWEST_TERMS = 8
_LEAST_DENSITY = 0.02


def trade_corrector(texts: Sequence[str]) -> NameCorrector | None:
    """Return the corrector of trade terms if a recording is a sales call, else None.

    Sales calls of three minutes hold 23 to 31 different terms of the trade; assembled calls of unrelated
    sentences hold 0 to 3 (measured on the sample calls and on real voices).

    Args:
        texts: All that was said, as recognised.
    """
    said = "\n".join(texts)
    business = [term for term in _terms(business_only=True) if term in said]
    often = sum(said.count(term) for term in business)
    if len(business) < _FEWEST_TERMS or often < _LEAST_DENSITY * len(said):
        return None
    return _corrector()


@cache
def _corrector() -> NameCorrector:
    return NameCorrector(_terms(business_only=False), weights=_WEIGHTS)


@cache
def _terms(*, business_only: bool) -> tuple[str, ...]:
    table = tomllib.loads((files("speech") / "trade_terms.toml").read_text(encoding="utf-8"))
    kept = (terms for name, terms in table.items() if not (business_only and name == _EVERYDAY))
    return tuple(term for terms in kept for term in terms.split())
