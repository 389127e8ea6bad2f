"""Texts to unit vectors: the seam that signals, retrieval and agent share, and its default on ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from domain.errors import IntegrityError, MissingError, ModelError
from language.e5 import DESCRIPTION, GRAPH, TOKENIZER
from language.e5_tokenizer import PAD_ID

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

Prefix = Literal["query", "passage"]
"""What the text is: something asked or said, or something to be found."""

NO_PREFIXES: Mapping[Prefix, str] = {"query": "", "passage": ""}

TOKENS_PER_BATCH = 512
"""Padded tokens encoded at once: 600 turns took 2.5 s of one core at 512, 3.0 s at 1,024 and 4.3 s at 4,096, and the
process grew to 230, 270 and 430 MB (AMD EPYC with VNNI, ONNX Runtime 1.31)."""


class Encoder(Protocol):
    """Turns texts into unit vectors whose dot product says how alike they are."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names weights and tokenizer exactly; vectors of different fingerprints must not be compared."""
        ...

    def encode(self, texts: Sequence[str], *, prefix: Prefix) -> npt.NDArray[np.float32]:
        """Return float32 (len(texts), dimension), each row of length 1, in the order given."""
        ...


def unit_rows(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale each row to length 1; a row of zeros points along the first axis: float32 (n, d)."""
    scaled = vectors.copy()
    scaled[~scaled.any(axis=1), 0] = 1
    lengths: npt.NDArray[np.float32] = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / lengths


class OnnxEncoder:
    """multilingual-e5-small on ONNX Runtime, from a folder that `zhanqing models pull e5-small-zh` made.

    Mean pooling and L2 normalisation are part of the graph. Safe to share between threads.

    Args:
        folder: Holds `model.onnx`, its weights, `tokenizer.json` and `encoder.json`.
        threads: Batches encoded at the same time; a single text always takes one.

    Raises:
        MissingError: The folder lacks a file.
        IntegrityError: A file is damaged.

    References:
        Wang et al., Multilingual E5 Text Embeddings, 2024, arXiv:2402.05672.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        description = _read_description(folder)
        self._dimension = int(description["dimension"])
        self._fingerprint = str(description["fingerprint"])
        self._tokenizer = _open_tokenizer(folder / TOKENIZER, max_tokens=int(description["max_tokens"]))
        self._session = _open_session(folder / GRAPH)
        self._threads = threads

    @property
    def dimension(self) -> int:
        """384 for e5-small."""
        return self._dimension

    @property
    def fingerprint(self) -> str:
        """`sha256:` over graph, weights and tokenizer."""
        return self._fingerprint

    def encode(self, texts: Sequence[str], *, prefix: Prefix) -> npt.NDArray[np.float32]:
        """Encode texts, each cut at 512 tokens; texts of like length share a batch.

        Returns:
            float32 (len(texts), dimension), L2-normalised, in the order given.

        Raises:
            ModelError: ONNX Runtime failed.
        """
        encodings = self._tokenizer.encode_batch_fast([_whole(f"{prefix}: {text}") for text in texts])
        token_ids = [encoding.ids for encoding in encodings]
        batches = list(_batches([len(tokens) for tokens in token_ids]))
        vectors = np.empty((len(texts), self._dimension), np.float32)

        def fill(rows: list[int]) -> None:
            vectors[rows] = _infer(self._session, [token_ids[row] for row in rows])

        if self._threads == 1 or len(batches) == 1:
            for rows in batches:
                fill(rows)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(fill, reversed(batches)))  # longest first, so that the threads end together
        return vectors


def _whole(text: str) -> str:
    """Replace lone surrogates, which JSON can smuggle in and the tokenizer refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _infer(session: InferenceSession, token_ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Pad one batch to its longest text and run it: float32 (len(token_ids), dimension)."""
    ids = np.full((len(token_ids), max(map(len, token_ids))), PAD_ID, np.int64)  # (batch, length)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(token_ids):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    try:
        (vectors,) = session.run(None, {"input_ids": ids, "attention_mask": mask})
    except onnx_errors() as error:
        raise ModelError("language.encoder_failed", kind=type(error).__name__) from error
    return np.asarray(vectors, np.float32)


def onnx_errors() -> tuple[type[Exception], ...]:
    """Everything ONNX Runtime raises; its classes share no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state

    kinds = (kind for kind in vars(onnxruntime_pybind11_state).values() if isinstance(kind, type))
    return (*(kind for kind in kinds if issubclass(kind, Exception)), RuntimeError, MemoryError)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group row numbers by length so that padding stays small and a batch within `TOKENS_PER_BATCH`."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _read_description(folder: Path) -> dict[str, str | int]:
    try:
        description: dict[str, str | int] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingError("language.encoder_missing", folder=folder) from error
    except ValueError as error:
        raise IntegrityError("language.encoder_broken", file=folder / DESCRIPTION) from error
    return description


def _open_tokenizer(path: Path, *, max_tokens: int) -> Tokenizer:
    from tokenizers import Tokenizer

    if not path.is_file():
        raise MissingError("language.encoder_missing", folder=path.parent)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise IntegrityError("language.encoder_broken", file=path) from error
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _open_session(path: Path) -> InferenceSession:
    import onnxruntime

    if not path.is_file():
        raise MissingError("language.encoder_missing", folder=path.parent)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # threads take whole batches instead: operators are too small to share
    # more would fuse additions and norms into an operator that is three times slower on a processor
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.enable_cpu_mem_arena = False  # the arena keeps the largest batch's memory for good
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except onnx_errors() as error:
        raise IntegrityError("language.encoder_broken", file=path) from error
