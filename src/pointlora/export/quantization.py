"""Weights and products of an ONNX model in 8-bit integers, by onnxruntime's quantizer.

Only products with a constant weight become integers, each output channel with its own scale: attention's products of
activations lose more than they gain, and so do layers that take in coordinates.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pointlora.errors import ConfigError
from pointlora.export.description import Quantization
from pointlora.export.onnx_folding import drop_unused

# Points of a percentage that int8 may cost.
MOST_LOSS = 0.5
# A layer with fewer inputs than this takes in coordinates or features of points: it stays as it is.
_FEWEST_INPUTS = 32

Inputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Measure:
    """How a model's loss is measured.

    Attributes:
        metric: name of the figure.
        measured_on: which clouds it is of.
        of: the figure of a model, from 0 to 1.
        note: more about these clouds, for people.
    """

    metric: str
    measured_on: str
    of: Callable[[nn.Module], float]
    note: str = ""

    @property
    def clouds(self) -> str:
        """Which clouds it is of, with the note."""
        return f"{self.measured_on} ({self.note})" if self.note else self.measured_on


def quantized(model: Any, calibration: Sequence[Inputs] = ()) -> bytes:
    """A model of int8 weights.

    Args:
        model: an `onnx.ModelProto` of float32.
        calibration: inputs from which the ranges of activations are taken once and for all; without any, each call
            takes its own.

    Returns:
        the content of an .onnx file, without metadata.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    model = with_products(model)
    chosen = {"nodes_to_quantize": layers_to_quantize(model), "op_types_to_quantize": ["MatMul"], "per_channel": True}
    with tempfile.TemporaryDirectory() as folder, _quiet():
        source, output = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        if calibration:
            kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
            quantize_static(source, output, _Reader(calibration), QuantFormat.QDQ, **kinds, **chosen)
        else:
            quantize_dynamic(source, output, weight_type=QuantType.QInt8, **chosen)
        return output.read_bytes()


def with_products(model: Any) -> Any:
    """A model whose layers are products and sums, not Gemm: the quantizer can't take one weight in two of these."""
    import onnx

    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    turned: set[str] = set()
    for node in graph.node:
        settings = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type != "Gemm" or any(settings.get(name, 1) != 1 for name in ("alpha", "beta", "transB")):
            nodes.append(node)
            continue
        rows, weight, *bias = node.input
        name, product = f"{weight}.turned", f"{node.name}.product"
        if name not in turned:
            turned.add(name)
            if weight in weights:
                values = np.ascontiguousarray(onnx.numpy_helper.to_array(weights[weight]).T)
                graph.initializer.append(onnx.numpy_helper.from_array(values, name))
            else:
                nodes.append(onnx.helper.make_node("Transpose", [weight], [name], name, perm=[1, 0]))
        outputs = [product] if bias else list(node.output)
        nodes.append(onnx.helper.make_node("MatMul", [rows, name], outputs, product))
        if bias:
            nodes.append(onnx.helper.make_node("Add", [product, *bias], list(node.output), f"{node.name}.sum"))
    del graph.node[:]
    graph.node.extend(nodes)
    drop_unused(graph)
    return result


def layers_to_quantize(model: Any) -> list[str]:
    """Names of the products with a constant weight of enough inputs."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    found = [(node.name, shapes.get(node.input[1], ())) for node in model.graph.node if node.op_type == "MatMul"]
    return [name for name, weight in found if len(weight) == 2 and weight[0] >= _FEWEST_INPUTS]


def check_loss(measure: Measure, before: float, after: float, calibrated: bool, force: bool) -> Quantization:
    """What a file says of its quantization.

    Raises:
        ConfigError: if it costs more than `MOST_LOSS` points, unless forced.
    """
    loss = 100 * (before - after)
    if loss > MOST_LOSS and not force:
        raise ConfigError(
            f"nothing is written: int8 costs {loss:.2f} points of {measure.metric} ({100 * before:.2f} % to "
            f"{100 * after:.2f} %) on the {measure.clouds}, and {MOST_LOSS:g} are allowed: try --calibration, or "
            "--force takes it"
        )
    kind = "static" if calibrated else "dynamic"
    return Quantization(kind, measure.metric, measure.measured_on, before, after)


class _Reader:
    """Gives onnxruntime one cloud after the other."""

    def __init__(self, inputs: Sequence[Inputs]) -> None:
        self.inputs = iter(inputs)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        found = next(self.inputs, None)
        return None if found is None else {name: np.asarray(value) for name, value in found.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer recommends a step that torch.onnx has done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
