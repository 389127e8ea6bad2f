"""Our own name taken off what reps write in groups."""

from __future__ import annotations

import re
from collections.abc import Iterable

_GAP = " \t\n\u2005\u00a0\u3000"


def without_mention(text: str, names: Iterable[str]) -> str:
    """Remove each `@name` that stands alone, and the space behind it.

    Longer names go first, so that 教练 does not bite into 教练助手. `a@b.com` and mentions of others stay.
    """
    known = sorted((name for name in names if name), key=len, reverse=True)
    if not known:
        return text.strip()
    told = "|".join(map(re.escape, known))
    return re.sub(rf"(?:(?<=[{_GAP}])|^)@(?:{told})(?:[{_GAP}]+|$)", "", text).strip()
