"""Reading the source file and turning it into the encoder's parts, on a tiny file of the same format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tokenizers import Tokenizer

from domain.errors import IntegrityError
from language.e5 import _linear, _pairs, loudness
from language.e5_file import Piece, Shape, read_e5_file
from language.e5_file import Quantised as Blocks
from language.e5_testing import write_e5_file
from language.e5_tokenizer import SPECIAL, kept_pieces, tokenizer_json

HIDDEN = 32
PIECES = [
    *(Piece(special, 0.0) for special in SPECIAL),
    Piece("▁", -2.0),
    Piece("价", -3.0),
    Piece("价格", -3.5),
]
NIBBLES = np.arange(HIDDEN, dtype=np.uint8).reshape(1, HIDDEN) % 16
SCALE = 0.5


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with one 4-bit tensor and one of floats."""
    path = tmp_path / "e5-small-q4.bin"
    tensors = {"matrix": Blocks(NIBBLES, np.array([SCALE], np.float16)), "norm": np.arange(HIDDEN, dtype=np.float32)}
    shape = Shape(HIDDEN, 1, 1, HIDDEN, len(PIECES), 8, 2)
    write_e5_file(path, shape=shape, pieces=PIECES, rules={"Ａ": "A", "\u200b": ""}, tensors=tensors)
    return path


def test_sizes_pieces_and_rules_are_read(source: Path) -> None:
    e5 = read_e5_file(source)
    assert e5.shape.hidden == HIDDEN
    assert e5.epsilon == pytest.approx(1e-12)
    assert e5.pieces[-1] == Piece("价格", -3.5)
    assert e5.normalisation == {ord("Ａ"): "A", 0x200B: ""}
    assert e5.names() == ("matrix", "norm")


def test_a_nibble_is_worth_its_distance_from_eight_times_the_scale(source: Path) -> None:
    np.testing.assert_array_equal(read_e5_file(source).floats("matrix"), (NIBBLES[0] - 8.0) * SCALE)


def test_nibbles_come_in_the_order_of_the_weights(source: Path) -> None:
    quantised = read_e5_file(source).quantised("matrix")
    np.testing.assert_array_equal(quantised.nibbles, NIBBLES)
    np.testing.assert_array_equal(quantised.scales, [SCALE])


def test_a_float_tensor_is_not_taken_for_nibbles(source: Path) -> None:
    np.testing.assert_array_equal(read_e5_file(source).floats("norm"), np.arange(HIDDEN))
    with pytest.raises(IntegrityError, match="norm is not Q4_0"):
        read_e5_file(source).quantised("norm")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(IntegrityError, match="wrong magic"):
        read_e5_file(path)


@pytest.mark.parametrize("length", [0, 3, 40, 100, 200])
def test_a_file_cut_short_is_refused(source: Path, length: int) -> None:
    source.write_bytes(source.read_bytes()[:length])
    with pytest.raises(IntegrityError, match="zhanqing models pull e5-small-zh"):
        read_e5_file(source)


MATRICES = arrays.arrays(
    np.float32, (4, 8), elements=st.floats(-4, 4, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3)
).filter(lambda matrix: bool(np.abs(matrix).max(axis=1).all()))


@given(MATRICES)
def test_int8_weights_stay_within_half_a_step(matrix: np.ndarray) -> None:
    weights, scales = _linear("name", matrix)
    restored = weights.values.T.astype(np.float32) * scales.values[:, None]
    assert (np.abs(restored - matrix) <= scales.values[:, None] * 0.5001).all()


@given(MATRICES)
def test_int8_weights_leave_room_for_16_bit_sums(matrix: np.ndarray) -> None:
    weights, _ = _linear("name", matrix)
    assert np.abs(weights.values.astype(int)).max() == 96


@given(arrays.arrays(np.uint8, (3, 8), elements=st.integers(0, 15)))
def test_packed_nibbles_can_be_taken_apart_again(nibbles: np.ndarray) -> None:
    packed = _pairs(nibbles)
    np.testing.assert_array_equal(packed & 15, nibbles[:, 0::2])
    np.testing.assert_array_equal(packed >> 4, nibbles[:, 1::2])


def test_loud_channels_are_divided_by_a_power_of_two() -> None:
    assert set(np.log2(loudness(384)).tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("piece", ["▁price", "价格", "▁", "％", "2026", "한", "の", "é", "▁。", "报价3", "km²"])
def test_pieces_of_chinese_english_and_single_characters_are_kept(piece: str) -> None:
    assert kept_pieces([Piece(text, 0.0) for text in (*SPECIAL, piece)]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("piece", ["▁привет", "안녕", "です", "▁été", "สวัสดี"])
def test_longer_pieces_of_other_scripts_are_dropped(piece: str) -> None:
    assert kept_pieces([Piece(text, 0.0) for text in (*SPECIAL, piece)]) == [0, 1, 2, 3]


def test_the_tokenizer_file_prefers_the_likelier_pieces_and_frames_the_text() -> None:
    tokenizer = Tokenizer.from_str(tokenizer_json(PIECES))
    assert tokenizer.encode("价格").tokens == ["<s>", "▁", "价格", "</s>"]


@pytest.mark.parametrize(
    ("text", "normal"),
    [("ＡＢ１", "AB1"), ("好的～", "好的～"), ("a \u3000 b", "a b"), ("零\u200b宽", "零 宽"), ("①", "1"), ("，", ",")],
)
def test_text_is_normalised_as_the_model_was_trained(text: str, normal: str) -> None:
    normalizer = Tokenizer.from_str(tokenizer_json(PIECES)).normalizer
    assert normalizer.normalize_str(text) == normal


def test_the_tokenizer_file_is_json_without_surprises() -> None:
    assert json.loads(tokenizer_json(PIECES))["model"]["unk_id"] == 3
