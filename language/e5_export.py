"""Write `e5-small-q4.bin` as a folder that sentence-transformers and transformers open, for fine-tuning.

The vocabulary is the pruned one of the default encoder, so tokens agree. float16, 125 MB; needs numpy only.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from language.e5_file import E5File, read_e5_file
from language.e5_tokenizer import SPECIAL, kept_pieces, tokenizer_json

_EMBEDDINGS = {
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def export(source: Path, folder: Path) -> None:
    """Write model, tokenizer and pooling into a folder.

    Args:
        source: `e5-small-q4.bin`, already verified.
        folder: Made if absent; files of the same names are replaced.

    Raises:
        IntegrityError: `source` is not such a file.
        OSError: The folder cannot take the files.
    """
    e5 = read_e5_file(source)
    kept = kept_pieces(e5.pieces)
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    for name, content in _documents(e5, len(kept)).items():
        (folder / name).write_bytes(json.dumps(content, indent=1).encode())
    (folder / "tokenizer.json").write_bytes(tokenizer_json([e5.pieces[index] for index in kept]).encode())
    _write_safetensors(folder / "model.safetensors", dict(_weights(e5, kept)))


def _weights(e5: E5File, kept: list[int]) -> Iterator[tuple[str, npt.NDArray[np.float16]]]:
    """Yield the tensors of a transformers `BertModel`."""
    hidden = e5.shape.hidden
    words = e5.floats("emb.word").reshape(-1, hidden)[kept]
    yield "embeddings.word_embeddings.weight", words.astype(np.float16)
    for name, table in (("pos", "position"), ("type", "token_type")):
        yield f"embeddings.{table}_embeddings.weight", e5.floats(f"emb.{name}").reshape(-1, hidden).astype(np.float16)
    for ours, theirs in _EMBEDDINGS.items():
        yield theirs, e5.floats(ours).astype(np.float16)
    for layer in range(e5.shape.layers):
        for ours, theirs in _LAYER.items():
            weight = e5.floats(f"l{layer}.{ours}.w").astype(np.float16)
            bias = e5.floats(f"l{layer}.{ours}.b").astype(np.float16)
            is_norm = ours.endswith("ln")
            yield f"encoder.layer.{layer}.{theirs}.weight", weight if is_norm else weight.reshape(bias.size, -1)
            yield f"encoder.layer.{layer}.{theirs}.bias", bias
    # nothing reads the pooler, but transformers warns and fills it at random where it is absent
    yield "pooler.dense.weight", np.zeros((hidden, hidden), np.float16)
    yield "pooler.dense.bias", np.zeros(hidden, np.float16)


def _write_safetensors(path: Path, tensors: dict[str, npt.NDArray[np.float16]]) -> None:
    """The format is a length, a JSON directory and the bytes one after the other."""
    directory: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, values in tensors.items():
        end = offset + values.nbytes
        directory[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps(directory).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as output:
        output.write(struct.pack("<Q", len(header)) + header)
        for values in tensors.values():
            output.write(values.tobytes())


def _documents(e5: E5File, rows: int) -> dict[str, Any]:
    """The JSON files beside the weights, by name."""
    shape = e5.shape
    modules = ("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")
    start, pad, end, unknown = SPECIAL
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "dtype": "float32",
            "vocab_size": rows,
            "hidden_size": shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "intermediate_size": shape.feed_forward,
            "hidden_act": "gelu",
            "max_position_embeddings": shape.positions,
            "type_vocab_size": shape.token_types,
            "layer_norm_eps": e5.epsilon,
            "pad_token_id": SPECIAL.index(pad),
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": shape.positions,
            "bos_token": start,
            "cls_token": start,
            "eos_token": end,
            "sep_token": end,
            "pad_token": pad,
            "unk_token": unknown,
        },
        "modules.json": [
            {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for index, (path, kind) in enumerate(modules)
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": shape.hidden, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": shape.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "document": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
