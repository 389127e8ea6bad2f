"""An encoder that sentence-transformers loads: BGE, GTE or any other, from a folder or a hub id; needs `[torch]`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import MissingError, ModelError
from language.encoder import NO_PREFIXES, Prefix, unit_rows


class SentenceTransformerEncoder:
    """Wraps one sentence-transformers model.

    Args:
        model: A folder, or a hub id where a hub can be reached.
        prefixes: Written before each text, where the model was trained with such words.
        device: torch device.

    Raises:
        MissingError: The `[torch]` extra or the model is absent.
    """

    def __init__(self, model: str, *, prefixes: Mapping[Prefix, str] = NO_PREFIXES, device: str = "cpu") -> None:
        self._model = _load(model, device)
        self._prefixes = dict(prefixes)
        self.fingerprint = _fingerprint(self._model, self._prefixes)
        self.dimension = int(self.encode([""], prefix="query").shape[1])

    def encode(self, texts: Sequence[str], *, prefix: Prefix) -> npt.NDArray[np.float32]:
        """Return float32 (len(texts), dimension), L2-normalised, in the order given.

        Raises:
            ModelError: The model failed.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        inputs = [self._prefixes.get(prefix, "") + text for text in texts]
        try:
            vectors = self._model.encode(inputs, convert_to_numpy=True, show_progress_bar=False)
        except (RuntimeError, ValueError, IndexError) as error:  # torch and tokenizers have no classes of their own
            raise ModelError("language.encoder_failed", kind=type(error).__name__) from error
        return unit_rows(np.asarray(vectors, np.float32))


def _load(model: str, device: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingError("language.torch_missing") from error
    try:
        return SentenceTransformer(model, device=device)
    except (OSError, ValueError, RuntimeError) as error:
        raise MissingError("language.encoder_not_loaded", model=model, kind=type(error).__name__) from error


def _fingerprint(model: Any, prefixes: Mapping[Prefix, str]) -> str:
    """Hash of the weights, the tokenizer and the prefixes."""
    digest = hashlib.sha256(json.dumps(sorted(prefixes.items())).encode())
    for name, tensor in sorted(model.state_dict().items()):
        if ".pooler." not in name:  # never used here, and filled at random when a model comes without it
            digest.update(name.encode())
            digest.update(tensor.cpu().float().numpy().tobytes())
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    digest.update(backend.to_str().encode() if backend else repr(model.tokenizer).encode())
    return f"sha256:{digest.hexdigest()}"
