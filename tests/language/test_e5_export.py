"""The export for fine-tuning, of a tiny random encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from language.e5_export import export
from language.e5_file import E5File, Piece, Quantised, Shape, read_e5_file
from language.e5_testing import Stored, write_e5_file
from language.e5_tokenizer import SPECIAL

PIECES = [*(Piece(special, 0.0) for special in SPECIAL), *(Piece(text, -3.0) for text in ("▁", "价", "格", "привет"))]
SHAPE = Shape(hidden=32, layers=2, heads=2, feed_forward=64, vocabulary=len(PIECES), positions=16, token_types=2)


def random_tensors() -> Iterator[tuple[str, Stored]]:
    random = np.random.default_rng(7)

    def matrix(rows: int, columns: int) -> Quantised:
        blocks = rows * columns // 32
        return Quantised(
            random.integers(0, 16, (blocks, 32), np.uint8), random.uniform(0.01, 0.1, blocks).astype(np.float16)
        )

    def vector(size: int) -> np.ndarray:
        return random.normal(0, 0.5, size).astype(np.float32)

    yield "emb.word", matrix(SHAPE.vocabulary, SHAPE.hidden)
    yield "emb.pos", vector(SHAPE.positions * SHAPE.hidden)
    yield "emb.type", vector(SHAPE.token_types * SHAPE.hidden)
    for name in ("emb.ln", *(f"l{layer}.{norm}" for layer in range(SHAPE.layers) for norm in ("aln", "oln"))):
        yield f"{name}.w", vector(SHAPE.hidden)
        yield f"{name}.b", vector(SHAPE.hidden)
    sizes = {"q": (32, 32), "k": (32, 32), "v": (32, 32), "ao": (32, 32), "fi": (64, 32), "fo": (32, 64)}
    for layer in range(SHAPE.layers):
        for part, (outputs, inputs) in sizes.items():
            yield f"l{layer}.{part}.w", matrix(outputs, inputs)
            yield f"l{layer}.{part}.b", vector(outputs)


@pytest.fixture
def source(tmp_path: Path) -> E5File:
    path = tmp_path / "e5-small-q4.bin"
    write_e5_file(path, shape=SHAPE, pieces=PIECES, rules={}, tensors=dict(random_tensors()))
    export(path, tmp_path / "exported")
    return read_e5_file(path)


@pytest.mark.torch
def test_transformers_finds_every_weight_where_it_looks_for_it(source: E5File, tmp_path: Path) -> None:
    from transformers import BertModel

    model, report = BertModel.from_pretrained(tmp_path / "exported", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    intermediate = weights["encoder.layer.1.intermediate.dense.weight"]
    np.testing.assert_allclose(intermediate, source.floats("l1.fi.w").reshape(64, 32), atol=1e-3)
    np.testing.assert_allclose(weights["encoder.layer.0.output.LayerNorm.bias"], source.floats("l0.oln.b"), atol=1e-3)


@pytest.mark.torch
def test_only_rows_of_kept_pieces_are_exported(source: E5File, tmp_path: Path) -> None:
    from transformers import BertModel

    rows = BertModel.from_pretrained(tmp_path / "exported").embeddings.word_embeddings.weight.detach().numpy()
    np.testing.assert_allclose(rows, source.floats("emb.word").reshape(-1, 32)[:-1], atol=1e-3)


@pytest.mark.torch
def test_sentence_transformers_encodes_with_it(source: E5File, tmp_path: Path) -> None:
    from language.sentence_transformers_encoder import SentenceTransformerEncoder

    encoder = SentenceTransformerEncoder(str(tmp_path / "exported"))
    vectors = encoder.encode(["价格", "价格", "格格格"], prefix="query")
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3
