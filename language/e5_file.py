"""Read `e5-small-q4.bin`: the multilingual-e5-small encoder, 4-bit weights and tokenizer in one little-endian file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from domain.errors import IntegrityError

MAGIC = b"E5S1"
BLOCK = 32
"""Weights that share one scale."""

_FLOAT32, _Q4_0 = 0, 1
_BLOCK_BYTES = 2 + BLOCK // 2


class Quantised(NamedTuple):
    """A 4-bit tensor as stored: value = (nibble - 8) * scale of its block.

    Attributes:
        nibbles: uint8 (blocks, 32), each 0 to 15, in the order of the weights.
        scales: float16 (blocks,).
    """

    nibbles: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float16]


class Shape(NamedTuple):
    """Sizes of the encoder."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int


class _Place(NamedTuple):
    kind: int
    elements: int
    offset: int


class Piece(NamedTuple):
    """A Unigram piece and its log-probability."""

    text: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class E5File:
    """The parsed file; tensors are read from the mapped bytes when asked for."""

    shape: Shape
    epsilon: float
    pieces: tuple[Piece, ...]
    normalisation: Mapping[int, str]
    _bytes: npt.NDArray[np.uint8]
    _places: Mapping[str, _Place]

    def names(self) -> tuple[str, ...]:
        """Names of all tensors, in file order."""
        return tuple(self._places)

    def quantised(self, name: str) -> Quantised:
        """Return a tensor's nibbles and scales without rounding anything.

        Raises:
            IntegrityError: The tensor is not stored as Q4_0.
        """
        place = self._places[name]
        if place.kind != _Q4_0:
            raise IntegrityError("language.bad_e5_file", why=f"{name} is not Q4_0")
        blocks = place.elements // BLOCK
        raw = np.frombuffer(self._bytes, np.uint8, blocks * _BLOCK_BYTES, place.offset).reshape(blocks, _BLOCK_BYTES)
        packed = raw[:, 2:]  # byte j holds weight j low and weight j + 16 high
        nibbles = np.concatenate([packed & 15, packed >> 4], axis=1)  # (blocks, 32)
        return Quantised(nibbles, np.ascontiguousarray(raw[:, :2]).view("<f2")[:, 0])

    def floats(self, name: str) -> npt.NDArray[np.float32]:
        """Return a tensor as float32, flat (elements,)."""
        place = self._places[name]
        if place.kind == _FLOAT32:
            return np.frombuffer(self._bytes, "<f4", place.elements, place.offset).astype(np.float32, copy=False)
        nibbles, scales = self.quantised(name)
        return ((nibbles.astype(np.float32) - 8) * scales.astype(np.float32)[:, None]).reshape(-1)


class _Cursor:
    """Reads forward through the bytes."""

    def __init__(self, content: npt.NDArray[np.uint8]) -> None:
        self.content = content
        self.position = 0

    def array(self, kind: str, count: int) -> npt.NDArray[np.generic]:
        values = np.frombuffer(self.content, np.dtype(kind), count, self.position)
        self.position += values.nbytes
        return values

    def number(self, kind: str) -> int:
        return int(self.array(kind, 1)[0])

    def text(self, length: int) -> str:
        return self.array("u1", length).tobytes().decode("utf-8")


def read_e5_file(path: Path) -> E5File:
    """Parse the header, tokenizer and tensor directory; weights stay on disk until asked for.

    Raises:
        IntegrityError: Not such a file, or cut short.
    """
    try:
        content = np.memmap(path, np.uint8, mode="r")
        return _parse(_Cursor(content))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise IntegrityError("language.bad_e5_file", why=str(error)) from error


def _parse(cursor: _Cursor) -> E5File:
    if cursor.array("u1", 4).tobytes() != MAGIC:
        raise IntegrityError("language.bad_e5_file", why="wrong magic")
    cursor.number("<u4")  # format version
    shape = Shape(*(cursor.number("<i4") for _ in Shape._fields))
    epsilon = float(cursor.array("<f4", 1)[0])
    if cursor.number("<i4") != BLOCK:
        raise IntegrityError("language.bad_e5_file", why="wrong block size")
    return E5File(
        shape=shape,
        epsilon=epsilon,
        pieces=_pieces(cursor),
        normalisation=_normalisation(cursor),
        _places=_directory(cursor),
        _bytes=cursor.content,
    )


def _pieces(cursor: _Cursor) -> tuple[Piece, ...]:
    count = cursor.number("<i4")
    cursor.array("<i4", 4)  # ids of <s>, </s>, <pad>, <unk>, which are the first pieces anyway
    blob_length = cursor.number("<u8")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    blob = cursor.array("u1", blob_length).tobytes()
    texts = (blob[start:end].decode("utf-8") for start, end in pairwise(offsets))
    return tuple(Piece(text, score) for text, score in zip(texts, scores, strict=True))


def _normalisation(cursor: _Cursor) -> dict[int, str]:
    count = cursor.number("<i4")
    cursor.number("<u4")  # length in bytes
    rules = {}
    for _ in range(count):
        code_point = cursor.number("<u4")
        length = cursor.number("u1")
        rules[code_point] = "".join(map(chr, cursor.array("<u4", length).tolist()))
    return rules


def _directory(cursor: _Cursor) -> dict[str, _Place]:
    places = {}
    for _ in range(cursor.number("<i4")):
        name = cursor.text(cursor.number("<u2"))
        kind, elements, offset = cursor.number("u1"), cursor.number("<u4"), cursor.number("<u8")
        cursor.number("<u8")  # length in bytes
        places[name] = _Place(kind, elements, offset)
    return places
