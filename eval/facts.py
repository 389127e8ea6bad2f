"""Whether an answer holds a fact: by the value of its quantities, or by its letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from language.quantities import agrees, quantities


def folded(text: str) -> str:
    """Return the text without case, width, space and punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()


def holds(text: str, wanted: str) -> bool:
    """Whether the text says what is wanted, however it writes numbers."""
    if folded(wanted) in folded(text):
        return True
    asked = quantities(wanted)
    whole = len(asked) == 1 and folded(asked[0].text) == folded(wanted)
    return whole and any(agrees(asked[0], given) for given in quantities(text))


def holds_any(text: str, alternatives: Sequence[str]) -> bool:
    """Whether the text holds one of the wordings of a fact."""
    return any(holds(text, wanted) for wanted in alternatives)
