"""Small files of the `e5-small-q4.bin` format, for tests."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from language.e5_file import BLOCK, MAGIC, Piece, Quantised, Shape

Stored = Quantised | npt.NDArray[np.float32]


def write_e5_file(
    path: Path, *, shape: Shape, pieces: Sequence[Piece], rules: Mapping[str, str], tensors: Mapping[str, Stored]
) -> None:
    """Write a file with these tensors; `Quantised` ones are stored as Q4_0, arrays as floats."""
    head = MAGIC + struct.pack("<I7ifi", 1, *shape, 1e-12, BLOCK) + _pieces(pieces) + _rules(rules)
    contents = {name: _bytes(tensor) for name, tensor in tensors.items()}
    entries = sum(2 + len(name.encode()) + 1 + 4 + 8 + 8 for name in tensors)
    offset = len(head) + 4 + entries
    directory = struct.pack("<i", len(tensors))
    for name, tensor in tensors.items():
        kind, elements = (1, tensor.nibbles.size) if isinstance(tensor, Quantised) else (0, tensor.size)
        directory += struct.pack("<H", len(name.encode())) + name.encode()
        directory += struct.pack("<BIQQ", kind, elements, offset, len(contents[name]))
        offset += len(contents[name])
    path.write_bytes(head + directory + b"".join(contents.values()))


def _pieces(pieces: Sequence[Piece]) -> bytes:
    texts = [piece.text.encode() for piece in pieces]
    offsets = np.cumsum([0, *map(len, texts)]).astype("<u4")
    scores = np.array([piece.score for piece in pieces], "<f4")
    head = struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, sum(map(len, texts)))
    return head + offsets.tobytes() + scores.tobytes() + b"".join(texts)


def _rules(rules: Mapping[str, str]) -> bytes:
    entries = b"".join(
        struct.pack(f"<IB{len(result)}I", ord(char), len(result), *map(ord, result)) for char, result in rules.items()
    )
    return struct.pack("<iI", len(rules), len(entries)) + entries


def _bytes(tensor: Stored) -> bytes:
    if not isinstance(tensor, Quantised):
        return tensor.astype("<f4").tobytes()
    half = BLOCK // 2
    packed = tensor.nibbles[:, :half] | (tensor.nibbles[:, half:] << np.uint8(4))  # (blocks, 16)
    scales = tensor.scales.astype("<f2").view(np.uint8).reshape(-1, 2)
    return np.concatenate([scales, packed], axis=1).tobytes()
