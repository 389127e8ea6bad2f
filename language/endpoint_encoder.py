"""An encoder behind an OpenAI-compatible embeddings endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from domain.errors import ModelError
from language.encoder import NO_PREFIXES, Prefix, unit_rows

if TYPE_CHECKING:
    import httpx

_TEXTS_PER_REQUEST = 64


class EndpointEncoder:
    """Asks `POST <base_url>/embeddings`; the server's vectors are normalised here.

    The endpoint cannot say which weights it runs, so the fingerprint is its model's name and dimension: give a new
    name when the weights change.

    Args:
        base_url: Ends in `/v1`.
        model: Name sent with each request.
        dimension: Length of the model's vectors.
        api_key: Sent as a bearer token.
        prefixes: Written before each text, where the model was trained with such words.
        timeout_s: Of one request.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str,
        dimension: int,
        api_key: str | None = None,
        prefixes: Mapping[Prefix, str] = NO_PREFIXES,
        timeout_s: float = 30.0,
    ) -> None:
        import httpx

        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout_s)
        self._url = f"{base_url.rstrip('/')}/embeddings"
        self._model = model
        self._prefixes = dict(prefixes)
        self.dimension = dimension
        self.fingerprint = f"endpoint:{model}:{dimension}:{sorted(self._prefixes.items())}"

    def encode(self, texts: Sequence[str], *, prefix: Prefix) -> npt.NDArray[np.float32]:
        """Return float32 (len(texts), dimension), L2-normalised, in the order given.

        Raises:
            ModelError: The endpoint cannot be reached, refuses, or answers something else; trying again may help.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), _TEXTS_PER_REQUEST):
            some = texts[start : start + _TEXTS_PER_REQUEST]
            # a space stands for an empty text, which these endpoints refuse
            inputs = [(self._prefixes.get(prefix, "") + text) or " " for text in some]
            vectors[start : start + len(some)] = self._ask(inputs)
        return unit_rows(vectors)

    def _ask(self, inputs: list[str]) -> npt.NDArray[np.float32]:
        import httpx

        request = {"model": self._model, "input": inputs, "encoding_format": "float"}
        try:
            response = self._client.post(self._url, json=request)
            response.raise_for_status()
            return self._read(response, len(inputs))
        except httpx.HTTPStatusError as error:
            raise ModelError("language.endpoint_refused", status=error.response.status_code) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise ModelError("language.endpoint_unreachable", kind=type(error).__name__) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError("language.endpoint_answer", dimension=self.dimension) from error

    def _read(self, response: httpx.Response, count: int) -> npt.NDArray[np.float32]:
        rows: list[dict[str, Any]] = sorted(response.json()["data"], key=lambda row: row["index"])
        vectors = np.array([row["embedding"] for row in rows], np.float32)
        if vectors.shape != (count, self.dimension) or not np.isfinite(vectors).all():
            raise ValueError("wrong shape")
        return vectors
