"""What is not answered whatever the sources hold, and words in a text that try to give the machine orders."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from domain.suggestions import AbstentionReason
from language.sentences import sentences

_NOT_PERMITTED = ("other_tenant", "confidential", "personal")
_UNSAFE = ("disparage", "kickback", "harvest", "overpromise")


def refusal(request: str) -> AbstentionReason | None:
    """Return why a request is refused before anything is looked up, or None.

    A question about what happened in a case (被口头承诺的那单为什么丢) is not a request to do it again.
    """
    if any(_pattern(name).search(request) for name in _NOT_PERMITTED):
        return AbstentionReason.NOT_PERMITTED
    if _pattern("fabricate").search(request):
        return AbstentionReason.UNSAFE_REQUEST
    asks_about = _pattern("asks_about").search(request)
    if any(_pattern(name).search(request) for name in _UNSAFE) and not asks_about:
        return AbstentionReason.UNSAFE_REQUEST
    return None


def gives_orders(text: str) -> bool:
    """Whether the text tries to steer the machine: such a source sentence is never repeated."""
    return _pattern("orders").search(text) is not None


def without_orders(text: str) -> str:
    """Return the sentences of a request that give no orders, joined; what is left is what is asked."""
    return "".join(sentence.text for sentence in sentences(text) if not gives_orders(sentence.text))


@cache
def _pattern(name: str) -> re.Pattern[str]:
    table = tomllib.loads((files("agent") / "requests.toml").read_text(encoding="utf-8"))
    return re.compile("|".join(table[name]["patterns"]), re.IGNORECASE)
