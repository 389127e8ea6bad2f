"""Vectors of short texts, each computed once while the process lives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from language.encoder import Encoder, Prefix

_CAPACITY = 20_000
"""Texts kept; at 384 dimensions about 30 MB."""


class Vectors:
    """Remembers the vectors of an encoder; safe to share between threads."""

    def __init__(self, encoder: Encoder, *, capacity: int = _CAPACITY) -> None:
        self._encoder = encoder
        self._capacity = capacity
        self._known: OrderedDict[tuple[Prefix, str], NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    @property
    def fingerprint(self) -> str:
        """Identity of the weights."""
        return self._encoder.fingerprint

    def of(self, texts: Sequence[str], *, prefix: Prefix = "query") -> NDArray[np.float32]:
        """Return unit vectors, float32 (len(texts), d), computing only what was not seen lately."""
        with self._lock:
            missing = list(dict.fromkeys(text for text in texts if (prefix, text) not in self._known))
        fresh = dict(zip(missing, self._encoder.encode(missing, prefix=prefix), strict=True)) if missing else {}
        with self._lock:
            for text, vector in fresh.items():
                self._known[prefix, text] = vector
            rows = [fresh[text] if text in fresh else self._touch(prefix, text) for text in texts]
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        if not rows:
            return np.zeros((0, self._encoder.dimension), dtype=np.float32)
        return np.stack(rows)  # (len(texts), d)

    def _touch(self, prefix: Prefix, text: str) -> NDArray[np.float32]:
        self._known.move_to_end((prefix, text))
        return self._known[prefix, text]
