"""Build `e5_encoder.onnx`, the graph without weights; needed only when the graph changes.

    python -m language.e5_graph e5-small-q4.bin language/e5_encoder.onnx

Needs the `onnx` package. Activations are rounded to int8 with one scale a token, so that a text's vector does not
depend on the texts it shares a batch with. Operators of the `com.microsoft` domain are ONNX Runtime's own.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from language.e5 import ALIGNMENT, WEIGHTS, Tensor, loudness, tensors
from language.e5_file import BLOCK, E5File, Shape, read_e5_file
from language.e5_tokenizer import kept_pieces

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"
_CONTRIB = "com.microsoft"
_ZERO_POINT = 128
_LARGEST_ACTIVATION = 127


class _Graph:
    """Collects nodes; each method returns the name of its result. Hidden states are (tokens, hidden)."""

    def __init__(self, epsilon: float) -> None:
        self.nodes: list[Any] = []
        self.epsilon = epsilon

    def node(self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, output.split(), domain=domain, **attributes))
        return output

    def linear(self, values: str, name: str, *, is_loud: bool) -> str:
        """Multiply with an int8 matrix, without its bias."""
        if is_loud:
            values = self.node("Mul", [values, "softening"], f"{name}.softened")
        magnitudes = self.node("Abs", [values], f"{name}.abs")
        largest = self.node("ReduceMax", [magnitudes, "last_axis"], f"{name}.max", keepdims=1)
        scale = self.node("Mul", [largest, "step"], f"{name}.step")
        scale = self.node("Add", [scale, "tiny"], f"{name}.token_scale")
        flat_scale = self.node("Squeeze", [scale, "last_axis"], f"{name}.token_scales")
        rounded = self.node("QuantizeLinear", [values, flat_scale, "zero_points"], f"{name}.int8", axis=0)
        factors = [rounded, f"{name}.w", "unit", f"{name}.scale", "zero_point"]
        product = self.node("MatMulIntegerToFloat", factors, f"{name}.product", domain=_CONTRIB)
        return self.node("Mul", [product, scale], f"{name}.out")

    def add_and_norm(self, values: str, residual: str, *, bias: str, norm: str) -> str:
        """Not SkipLayerNormalization, which takes three times as long on a processor as these three."""
        biased = self.node("Add", [values, bias], f"{norm}.biased")
        return self.norm(self.node("Add", [biased, residual], f"{norm}.sum"), norm)

    def norm(self, values: str, name: str) -> str:
        weights = [values, f"{name}.w", f"{name}.b"]
        return self.node("LayerNormalization", weights, f"{name}.out", epsilon=self.epsilon, axis=-1)


def build(e5: E5File) -> Any:
    """Return the model: int64 (batch, length) ids and mask → float32 (batch, hidden), L2-normalised."""
    from onnx import TensorProto, helper

    graph = _Graph(e5.epsilon)
    hidden = _embed(graph)
    graph.node("Cast", ["attention_mask"], "key_mask", to=TensorProto.INT32)
    graph.node("Shape", [hidden], "tokens", start=0, end=1)
    graph.node("Expand", ["zero_point", "tokens"], "zero_points")
    for layer in range(e5.shape.layers):
        hidden = _layer(graph, hidden, f"l{layer}", e5.shape)
    _pool(graph, hidden)
    matrix = ["batch", "length"]
    whole = helper.make_graph(
        graph.nodes,
        "e5-small",
        [helper.make_tensor_value_info(name, TensorProto.INT64, matrix) for name in INPUTS],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", e5.shape.hidden])],
        _initializers(e5),
    )
    domains = [helper.make_opsetid("", 21), helper.make_opsetid(_CONTRIB, 1)]
    return helper.make_model(whole, opset_imports=domains, ir_version=10, producer_name="zhanqing")


def _embed(graph: _Graph) -> str:
    layout = {"block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
    words = ["word", "input_ids", "word.scale"]
    graph.node("GatherBlockQuantized", words, "words", domain=_CONTRIB, **layout)
    graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    graph.node("Slice", ["position", "zero", "length", "zero"], "positions")
    graph.node("Add", ["words", "positions"], "embedded")
    graph.node("Shape", ["embedded"], "batch_shape")
    flat = graph.node("Reshape", ["embedded", "flat_shape"], "flat")
    return graph.norm(flat, "emb.ln")


def _layer(graph: _Graph, hidden: str, layer: str, shape: Shape) -> str:
    """Post-norm transformer layer."""
    projected = graph.linear(hidden, f"{layer}.qkv", is_loud=True)
    parts = graph.node("Split", [projected], f"{layer}.q {layer}.k {layer}.v", axis=-1, num_outputs=3).split()
    batched = [graph.node("Reshape", [part, "batch_shape"], f"{part}.batched") for part in parts]
    heads = [*batched, f"{layer}.qkv.b", "key_mask"]
    attended = graph.node("MultiHeadAttention", heads, f"{layer}.heads", domain=_CONTRIB, num_heads=shape.heads)
    attended = graph.node("Reshape", [attended, "flat_shape"], f"{layer}.attended")
    mixed = graph.linear(attended, f"{layer}.ao", is_loud=False)
    attention = graph.add_and_norm(mixed, hidden, bias=f"{layer}.ao.b", norm=f"{layer}.aln")
    widened = graph.linear(attention, f"{layer}.fi", is_loud=True)
    active = graph.node("BiasGelu", [widened, f"{layer}.fi.b"], f"{layer}.gelu", domain=_CONTRIB)
    narrowed = graph.linear(active, f"{layer}.fo", is_loud=False)
    return graph.add_and_norm(narrowed, attention, bias=f"{layer}.fo.b", norm=f"{layer}.oln")


def _pool(graph: _Graph, hidden: str) -> str:
    """Sum over the unmasked tokens; L2 normalisation makes dividing by their number needless."""
    from onnx import TensorProto

    graph.node("Reshape", [hidden, "batch_shape"], "token_vectors")
    graph.node("Cast", ["attention_mask"], "weights", to=TensorProto.FLOAT)
    graph.node("Unsqueeze", ["weights", "one"], "weight_rows")
    graph.node("MatMul", ["weight_rows", "token_vectors"], "sum_rows")
    graph.node("Squeeze", ["sum_rows", "one"], "sums")
    return graph.node("LpNormalization", ["sums"], OUTPUT, axis=-1, p=2)


def _initializers(e5: E5File) -> list[Any]:
    from onnx import numpy_helper

    initializers = [numpy_helper.from_array(value, name) for name, value in _constants(e5.shape).items()]
    offset = 0
    for tensor in tensors(e5, kept_pieces(e5.pieces)):
        offset += -offset % ALIGNMENT
        initializers.append(_external(tensor, offset))
        offset += tensor.values.nbytes
    return initializers


def _constants(shape: Shape) -> dict[str, npt.NDArray[Any]]:
    return {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "last_axis": np.array([-1], np.int64),
        "flat_shape": np.array([-1, shape.hidden], np.int64),
        "softening": 1 / loudness(shape.hidden),
        "step": np.array(1 / _LARGEST_ACTIVATION, np.float32),
        "tiny": np.array(1e-8, np.float32),
        "unit": np.array(1, np.float32),
        "zero_point": np.array(_ZERO_POINT, np.uint8),
    }


def _external(tensor: Tensor, offset: int) -> Any:
    """A tensor whose bytes lie in the weights file."""
    from onnx import TensorProto, helper

    element = TensorProto.INT4 if tensor.is_signed_nibbles else helper.np_dtype_to_tensor_dtype(tensor.values.dtype)
    proto = TensorProto(name=tensor.name, data_type=element, dims=tensor.shape)
    proto.data_location = TensorProto.EXTERNAL
    for key, value in (("location", WEIGHTS), ("offset", offset), ("length", tensor.values.nbytes)):
        proto.external_data.add(key=key, value=str(value))
    return proto


def main() -> None:
    """Write the graph file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", type=Path, help="e5-small-q4.bin")
    parser.add_argument("graph", type=Path, help="the .onnx file to write")
    arguments = parser.parse_args()
    arguments.graph.write_bytes(build(read_e5_file(arguments.source)).SerializeToString())


if __name__ == "__main__":
    main()
