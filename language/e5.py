"""Turn `e5-small-q4.bin` into an encoder folder: ONNX graph, its weights, tokenizer, description.

The graph is a file of this package (`e5_encoder.onnx`, built by `language/e5_graph.py`); its weights are external
data, written here with numpy only. Word vectors keep their 4 bits. Matrices become int8 with one scale an output,
because that runs 2.5 times as fast as the 4-bit matrices (ONNX Runtime 1.31, AVX-512 VNNI) and loses nothing in
retrieval: docs/adr/0008-encoder-int8.md has the figures.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from language.e5_file import BLOCK, E5File, read_e5_file
from language.e5_tokenizer import kept_pieces, tokenizer_json

GRAPH = "model.onnx"
WEIGHTS = "weights.bin"
TOKENIZER = "tokenizer.json"
DESCRIPTION = "encoder.json"
SKELETON = "e5_encoder.onnx"
ALIGNMENT = 64
"""Bytes; each tensor of the weights file starts at a multiple of it."""

_LARGEST = 96
"""Largest int8 weight. Processors without VNNI add pairs of products in 16 bits: with 127, one pair in 8,000 overflows
and the worst cosine to float falls to 0.9992; with 96, one in 500,000 does and it stays at 0.9997 (emulated in numpy).
"""

_LOUD_CHANNELS = (15, 35)
_LOUDNESS = 4
"""Two channels of the hidden state run far above the others in every layer and would take up the int8 range; their
activations are divided by a power of two and their weights multiplied. Worst cosine 0.9988 without, 0.9997 with.
Xiao et al., SmoothQuant, ICML 2023, arXiv:2211.10438, with one factor for all layers.
"""


class Tensor(NamedTuple):
    """One initializer of the graph as stored.

    `shape` is the graph's; for `is_signed_nibbles` two 4-bit values share a byte of `values`.
    """

    name: str
    values: npt.NDArray[np.generic]
    shape: tuple[int, ...]
    is_signed_nibbles: bool = False


def convert(source: Path, folder: Path) -> None:
    """Write the four files of the encoder into an existing folder; the same source gives the same bytes.

    Args:
        source: `e5-small-q4.bin`, already verified.
        folder: Where the files go.

    Raises:
        IntegrityError: `source` is not such a file.
        OSError: The folder cannot take the files.
    """
    e5 = read_e5_file(source)
    kept = kept_pieces(e5.pieces)
    with as_file(files("language") / SKELETON) as skeleton:
        shutil.copyfile(skeleton, folder / GRAPH)
    (folder / TOKENIZER).write_bytes(tokenizer_json([e5.pieces[index] for index in kept]).encode())
    with (folder / WEIGHTS).open("wb") as weights:
        for tensor in tensors(e5, kept):
            weights.write(bytes(-weights.tell() % ALIGNMENT))
            weights.write(np.ascontiguousarray(tensor.values).tobytes())
    _describe(e5, folder)


def _describe(e5: E5File, folder: Path) -> None:
    digest = hashlib.sha256()
    for name in (GRAPH, WEIGHTS, TOKENIZER):
        digest.update((folder / name).read_bytes())
    description = {
        "dimension": e5.shape.hidden,
        "max_tokens": e5.shape.positions,
        "fingerprint": f"sha256:{digest.hexdigest()}",
    }
    (folder / DESCRIPTION).write_bytes(json.dumps(description, indent=1).encode())


def tensors(e5: E5File, kept: list[int]) -> Iterator[Tensor]:
    """Yield the graph's initializers in the order of the weights file.

    Args:
        e5: The parsed source.
        kept: Rows of the vocabulary to keep, ascending.
    """
    yield from _embedding(e5, kept)
    for layer in range(e5.shape.layers):
        yield from _layer(e5, f"l{layer}")


def _embedding(e5: E5File, kept: list[int]) -> Iterator[Tensor]:
    hidden, blocks = e5.shape.hidden, e5.shape.hidden // BLOCK
    words = e5.quantised("emb.word")
    nibbles = words.nibbles.reshape(-1, hidden)[kept] ^ np.uint8(8)  # two's complement of nibble - 8
    scales = words.scales.reshape(-1, blocks)[kept].astype(np.float32)
    yield Tensor("word", _pairs(nibbles), nibbles.shape, is_signed_nibbles=True)
    yield Tensor("word.scale", scales, scales.shape)
    # every token is of type 0, so that row is folded into the positions
    positions = e5.floats("emb.pos").reshape(-1, hidden) + e5.floats("emb.type").reshape(-1, hidden)[0]
    yield Tensor("position", positions, positions.shape)
    yield _plain(e5, "emb.ln.w")
    yield _plain(e5, "emb.ln.b")


def _layer(e5: E5File, layer: str) -> Iterator[Tensor]:
    hidden, feed_forward = e5.shape.hidden, e5.shape.feed_forward
    queries_keys_values = [f"{layer}.{part}" for part in "qkv"]
    yield from _linear(f"{layer}.qkv", _stacked(e5, queries_keys_values, hidden) * loudness(hidden))
    bias = np.concatenate([e5.floats(f"{name}.b") for name in queries_keys_values])
    yield Tensor(f"{layer}.qkv.b", bias, bias.shape)
    for part, scale in (("ao", 1.0), ("fi", loudness(hidden)), ("fo", 1.0)):
        inputs = feed_forward if part == "fo" else hidden
        yield from _linear(f"{layer}.{part}", _stacked(e5, [f"{layer}.{part}"], inputs) * scale)
        yield _plain(e5, f"{layer}.{part}.b")
    for norm in ("aln", "oln"):
        yield _plain(e5, f"{layer}.{norm}.w")
        yield _plain(e5, f"{layer}.{norm}.b")


def loudness(hidden: int) -> npt.NDArray[np.float32]:
    """Return what each channel of the hidden state is divided by before it is rounded to int8: float32 (hidden,)."""
    factors = np.ones(hidden, np.float32)
    factors[list(_LOUD_CHANNELS)] = _LOUDNESS
    return factors


def _stacked(e5: E5File, names: list[str], inputs: int) -> npt.NDArray[np.float32]:
    """Matrices one above the other: float32 (outputs, inputs)."""
    return np.concatenate([e5.floats(f"{name}.w").reshape(-1, inputs) for name in names])


def _linear(name: str, matrix: npt.NDArray[np.float32]) -> Iterator[Tensor]:
    """Round (outputs, inputs) to int8 (inputs, outputs) and one float32 scale an output."""
    scales = np.abs(matrix).max(axis=1) / np.float32(_LARGEST)
    rounded = np.rint(matrix / scales[:, None]).astype(np.int8).T
    yield Tensor(f"{name}.w", rounded, rounded.shape)
    yield Tensor(f"{name}.scale", scales, scales.shape)


def _plain(e5: E5File, name: str) -> Tensor:
    values = e5.floats(name)
    return Tensor(name, values, values.shape)


def _pairs(nibbles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pack neighbours into one byte, the first in the low half: (n, m) → (n, m / 2)."""
    return nibbles[:, 0::2] | (nibbles[:, 1::2] << np.uint8(4))
