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
    """

    metric: str
    measured_on: str
    of: Callable[[nn.Module], float]


def quantized(model: Any, calibration: Sequence[Inputs] = ()) -> bytes:
    """A model of int8 weights.

    Args:
        model: an `onnx.ModelProto` of float32.
        calibration: inputs from which the ranges of activations are taken once and for all; without any, each call
            takes its own.

    Returns:
        the content of an .onnx file, without metadata.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    chosen = {"nodes_to_quantize": layers_to_quantize(model), "op_types_to_quantize": ["MatMul", "Gemm"]}
    with tempfile.TemporaryDirectory() as folder, _quiet():
        output = Path(folder) / "model.onnx"
        if calibration:
            quantize_static(
                model,
                output,
                _Reader(calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                **chosen,
            )
        else:
            quantize_dynamic(model, output, per_channel=True, weight_type=QuantType.QInt8, **chosen)
        return output.read_bytes()


def layers_to_quantize(model: Any) -> list[str]:
    """Names of the nodes that multiply with a constant weight of enough inputs."""
    import onnx

    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    names = []
    for node in model.graph.node:
        weight = shapes.get(node.input[1], ()) if node.op_type in ("MatMul", "Gemm") else ()
        turned = any(each.name == "transB" and onnx.helper.get_attribute_value(each) for each in node.attribute)
        if len(weight) == 2 and weight[1 if turned else 0] >= _FEWEST_INPUTS:
            names.append(node.name)
    return names


def check_loss(measure: Measure, before: float, after: float, calibrated: bool, force: bool) -> Quantization:
    """What a file says of its quantization.

    Raises:
        ConfigError: if it costs more than `MOST_LOSS` points, unless forced.
    """
    loss = 100 * (before - after)
    if loss > MOST_LOSS and not force:
        raise ConfigError(
            f"nothing is written: int8 costs {loss:.2f} points of {measure.metric} on the {measure.measured_on} "
            f"({100 * before:.2f} % to {100 * after:.2f} %), and {MOST_LOSS:g} are allowed: try --calibration, "
            "or --force takes it"
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
