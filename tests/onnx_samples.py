"""Small .onnx files as `pointlora export` writes them, of networks whose results can be computed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pointlora.data.parts.space import PartSpace
from pointlora.export.description import ExportDescription
from pointlora.export.onnx_file import sealed

NUM_POINTS, OPSET = 64, 18
CLASS_NAMES = ("cube", "sphere", "cone")
SPACE = PartSpace(("seat", "leg", "body", "handle"), ("chair", "mug"), ((0, 1), (2, 3)), (1, 2, 5, 7))
COMMON: dict[str, Any] = {
    "model": "by_hand",
    "method": "none",
    "adapter_hash": "00" * 32,
    "num_points": NUM_POINTS,
    "min_points": 8,
    "normalize": True,
    "up_axis": "z",
    "preprocess": False,
    "opset": OPSET,
}


def weights(rows: int, columns: int) -> NDArray[np.float32]:
    """The same each time."""
    return (1.5 * np.random.default_rng([rows, columns]).normal(size=(rows, columns))).astype(np.float32)


def classifier(**changes: Any) -> onnx.ModelProto:
    """Logits are a linear map of the largest value of each coordinate and feature; `changes` are of its description."""
    described = ExportDescription(**{**COMMON, "task": "classification", "class_names": CLASS_NAMES, **changes})
    width = 3 + described.num_features
    nodes = [
        helper.make_node("ReduceMax", ["points", "axes"], ["highest"], keepdims=0),
        helper.make_node("MatMul", ["highest", "weight"], ["logits"]),
    ]
    constants = {"axes": np.array([1], dtype=np.int64), "weight": weights(width, len(described.class_names))}
    inputs = [helper.make_tensor_value_info("points", TensorProto.FLOAT, ["B", "N", width])]
    shape = ["B", len(described.class_names)]
    return model_of(nodes, constants, inputs, shape, described.to_metadata())


def classify(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """What `classifier` makes of prepared clouds (B, N, 3 + F), as probabilities."""
    logits = points.max(1).astype(np.float64) @ weights(points.shape[-1], len(CLASS_NAMES))
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def segmenter(space: PartSpace = SPACE, **changes: Any) -> onnx.ModelProto:
    """Scores are a linear map of a query and of the cloud's largest coordinates, plus a row for its category."""
    described = ExportDescription(**{**COMMON, "task": "part_segmentation", "parts": space, **changes})
    width = 3 + described.num_features
    known = bool(space.categories)
    nodes = [
        helper.make_node("ReduceMax", ["points", "axes"], ["highest"], keepdims=1),
        helper.make_node("MatMul", ["highest", "of_cloud"], ["cloud"]),
        helper.make_node("MatMul", ["queries", "of_query"], ["query"]),
        helper.make_node("Add", ["cloud", "query"], ["sum" if known else "logits"]),
    ]
    constants = {
        "axes": np.array([1], dtype=np.int64),
        "of_cloud": weights(width, space.num_parts) / 4,
        "of_query": weights(width, space.num_parts + 1)[:, 1:],
    }
    inputs = [
        helper.make_tensor_value_info("points", TensorProto.FLOAT, ["B", "N", width]),
        helper.make_tensor_value_info("queries", TensorProto.FLOAT, ["B", "M", width]),
    ]
    if known:
        nodes += [
            helper.make_node("Gather", ["rows", "category"], ["row"]),
            helper.make_node("Add", ["sum", "row"], ["logits"]),
        ]
        constants["rows"] = weights(len(space.categories), space.num_parts)[:, None] / 4
        inputs.append(helper.make_tensor_value_info("category", TensorProto.INT64, ["B"]))
    return model_of(nodes, constants, inputs, ["B", "M", space.num_parts], described.to_metadata())


def score(
    points: NDArray[np.float32], queries: NDArray[np.float32], category: int, space: PartSpace = SPACE
) -> NDArray[np.float64]:
    """What `segmenter` makes of a prepared cloud (N, 3 + F) and queries (M, 3 + F)."""
    width = points.shape[1]
    cloud = points.max(0).astype(np.float64) @ weights(width, space.num_parts) / 4
    scores = cloud + queries.astype(np.float64) @ weights(width, space.num_parts + 1)[:, 1:]
    return scores + (weights(len(space.categories), space.num_parts)[category] / 4 if space.categories else 0)


def model_of(
    nodes: list[onnx.NodeProto],
    constants: Mapping[str, NDArray],
    inputs: list[onnx.ValueInfoProto],
    shape: list[Any],
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """A model with the output `logits` of a shape."""
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "network", inputs, [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    helper.set_model_props(model, dict(metadata))
    return model


def write(model: onnx.ModelProto, path: Path) -> Path:
    """The file, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed(model.SerializeToString()))
    return path
