"""What a rep's voice is known by from call to call: two vectors, kept only where the rep agreed to it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VoiceVector = npt.NDArray[np.float32]
_KIND = "voiceprint-1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voiceprint:
    """One voice as a speaker encoder hears it; the sound itself is not in it.

    Attributes:
        wide: float32 (dimension,) of unit length, as heard in wide band.
        telephone: The same speech as a telephone carries it, because vectors are alike within one band only.
    """

    wide: VoiceVector
    telephone: VoiceVector

    def __post_init__(self) -> None:
        if self.wide.ndim != 1 or self.wide.shape != self.telephone.shape:
            raise ValueError("a voiceprint is two vectors of one length")

    def dump(self) -> str:
        """Return it as text, to be sealed before it is kept."""
        return json.dumps({"kind": _KIND, "wide": _packed(self.wide), "telephone": _packed(self.telephone)})

    @classmethod
    def load(cls, text: str) -> Voiceprint:
        """Read what `dump` wrote.

        Raises:
            ValueError: It is something else.
        """
        document = json.loads(text)
        if document.get("kind") != _KIND:
            raise ValueError("not a voiceprint of this kind")
        return cls(wide=_unpacked(document["wide"]), telephone=_unpacked(document["telephone"]))


def _packed(vector: VoiceVector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def _unpacked(text: str) -> VoiceVector:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)
