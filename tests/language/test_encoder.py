"""The default encoder against reference vectors, and what it does with damaged folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from domain.errors import IntegrityError, MissingError, ModelError
from language import encoder as encoder_module
from language.encoder import Encoder, OnnxEncoder, Prefix, onnx_errors

REFERENCES = json.loads((Path(__file__).parent / "e5_references.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(models_cache: Path, encoder: Encoder) -> Path:
    """Where the real encoder lies; `encoder` is asked for because it skips or fails when it is absent."""
    return models_cache / "e5-small-zh"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The encoder's folder, to be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "encoder"))


@pytest.mark.model
@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference["text"][:12])
def test_vectors_agree_with_the_source_engine(reference: dict, encoder: Encoder) -> None:
    (vector,) = encoder.encode([reference["text"]], prefix=reference["prefix"])
    expected = np.array(reference["vector_first_16"])
    cosine = vector[:16] @ expected / np.linalg.norm(vector[:16]) / np.linalg.norm(expected)
    assert cosine >= 0.999


@pytest.mark.model
@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference["text"][:12])
def test_tokens_agree_with_the_source_engine(reference: dict, encoder: OnnxEncoder) -> None:
    tokens = encoder._tokenizer.encode(f"{reference['prefix']}: {reference['text']}").tokens
    assert tokens == reference["tokens"]


@pytest.mark.model
def test_an_answer_is_nearer_to_its_question_than_other_answers(encoder: Encoder) -> None:
    (question,) = encoder.encode(["价格能不能再便宜一点"], prefix="query")
    near, far = encoder.encode(
        ["客户要求降价，我们用分期付款换下了折扣。", "设备出现故障，工程师当天上门维修。"], prefix="passage"
    )
    assert question @ near > question @ far + 0.02


@pytest.mark.model
def test_a_long_text_is_cut_at_512_tokens(encoder: Encoder) -> None:
    start, longer = encoder.encode(["价" * 600, "价" * 600 + "报销流程"], prefix="passage")
    np.testing.assert_allclose(start, longer, atol=1e-6)


@pytest.mark.model
def test_threads_change_nothing_but_the_time(folder: Path, encoder: Encoder) -> None:
    texts = [f"第{number}次沟通，客户问到交付周期和付款方式。" * (number % 7 + 1) for number in range(60)]
    two = OnnxEncoder(folder, threads=2).encode(texts, prefix="passage")
    np.testing.assert_array_equal(two, encoder.encode(texts, prefix="passage"))


@pytest.mark.model
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "encoder.json"])
def test_a_folder_without_a_file_names_the_command_that_brings_it(name: str, copy: Path) -> None:
    (copy / name).unlink()
    with pytest.raises(MissingError, match="zhanqing models pull e5-small-zh"):
        OnnxEncoder(copy)


@pytest.mark.model
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "encoder.json"])
def test_a_damaged_file_is_named(name: str, copy: Path) -> None:
    (copy / name).write_bytes(b"\x00damaged")
    with pytest.raises(IntegrityError, match=name):
        OnnxEncoder(copy)


@pytest.mark.model
def test_weights_cut_short_are_refused(copy: Path) -> None:
    (copy / "weights.bin").write_bytes(b"\x00" * 1000)
    with pytest.raises(IntegrityError):
        OnnxEncoder(copy)


@pytest.mark.parametrize("kind", onnx_errors(), ids=lambda kind: kind.__name__)
def test_no_exception_of_onnx_runtime_slips_through(kind: type[Exception]) -> None:
    class Failing:
        def run(self, *_: object) -> None:
            raise kind("failed")

    with pytest.raises(ModelError, match=kind.__name__):
        encoder_module._infer(Failing(), [[1, 2, 3]])


def test_batches_hold_every_row_once_and_stay_within_the_budget() -> None:
    lengths = [7, 512, 3, 3, 200, 90, 90, 511, 1]
    batches = list(encoder_module._batches(lengths))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[row] for row in batch) <= encoder_module.TOKENS_PER_BATCH for batch in batches)


@pytest.mark.model
@pytest.mark.parametrize("prefix", ["query", "passage"])
def test_the_prefix_is_part_of_what_is_encoded(prefix: Prefix, encoder: Encoder) -> None:
    other: Prefix = "passage" if prefix == "query" else "query"
    (one,), (two,) = encoder.encode(["报价单"], prefix=prefix), encoder.encode(["报价单"], prefix=other)
    assert one @ two < 0.999
