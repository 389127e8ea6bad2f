"""Reranking: a slower model reads the question beside each of the first cases. Off unless a setting names one.

Both adapters give one number a passage, higher is better; the numbers of one model mean nothing beside another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.errors import MissingError, ModelError

Floats = NDArray[np.float32]

DEPTH = 20
"""Cases that are read again at least; a reranker takes milliseconds a case on a processor."""


class Reranker(Protocol):
    """Says how well each passage answers a question."""

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """Return one score a passage, float32 (len(passages),), higher is better.

        Raises:
            ModelError: The model failed or cannot be reached.
        """
        ...


class CrossEncoderReranker:
    """A sentence-transformers CrossEncoder with one output, from a folder or a hub id; needs `[torch]`.

    Raises:
        MissingError: The extra or the model is absent.
    """

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise MissingError("language.torch_missing") from error
        try:
            self._model: Any = CrossEncoder(model, device=device)
        except (OSError, ValueError, RuntimeError) as error:
            raise MissingError("retrieval.reranker_not_loaded", model=model, kind=type(error).__name__) from error

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """Read every pair; see `Reranker.scores`."""
        if not passages:
            return np.zeros(0, np.float32)
        pairs = [(question, passage) for passage in passages]
        try:
            made = self._model.predict(pairs, show_progress_bar=False)
        except (RuntimeError, ValueError, IndexError) as error:  # torch and tokenizers have no classes of their own
            raise ModelError("retrieval.reranker_failed", kind=type(error).__name__) from error
        return _checked(np.asarray(made, np.float32), len(passages))


class EndpointReranker:
    """Asks `POST <base_url>/rerank`, the shape that vLLM, Jina, Cohere and Xinference share.

    Args:
        base_url: Ends in `/v1`.
        model: Name sent with each request.
        api_key: Sent as a bearer token.
        timeout_s: Of one request.
    """

    def __init__(self, base_url: str, *, model: str, api_key: str | None = None, timeout_s: float = 10.0) -> None:
        import httpx

        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout_s)
        self._url = f"{base_url.rstrip('/')}/rerank"
        self._model = model

    def scores(self, question: str, passages: Sequence[str]) -> Floats:
        """Ask once for all passages; see `Reranker.scores`."""
        import httpx

        if not passages:
            return np.zeros(0, np.float32)
        request = {"model": self._model, "query": question, "documents": list(passages), "top_n": len(passages)}
        try:
            response = self._client.post(self._url, json=request)
            response.raise_for_status()
            found = {int(row["index"]): float(row["relevance_score"]) for row in response.json()["results"]}
            made = np.asarray([found[place] for place in range(len(passages))], np.float32)
        except httpx.HTTPStatusError as error:
            raise ModelError("retrieval.reranker_failed", kind=f"HTTP {error.response.status_code}") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise ModelError("retrieval.reranker_failed", kind=type(error).__name__) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError("retrieval.reranker_answer") from error
        return _checked(made, len(passages))


def _checked(scores: Floats, count: int) -> Floats:
    if scores.shape != (count,) or not np.isfinite(scores).all():
        raise ModelError("retrieval.reranker_answer")
    return scores
