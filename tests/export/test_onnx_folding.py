"""Parts of weights that are the same at every call become constants."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from pointlora.export.onnx_folding import fold_splits, fold_transposes
from pointlora.export.quantization import layers_to_quantize

WEIGHT = np.arange(40 * 3, dtype=np.float32).reshape(3, 40) / 100


def network(nodes, constants):
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 40]) for name in ("x", "z")]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "w")]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "graph", values, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def computed(model):
    given = {
        name: np.linspace(-1, 1, 80, dtype=np.float32).reshape(2, 40) * scale for name, scale in (("x", 1), ("z", 2))
    }
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, given)


def test_a_weight_that_two_layers_turn_is_turned_once():
    nodes = [
        helper.make_node("Transpose", ["weight"], ["a"], perm=[1, 0]),
        helper.make_node("Transpose", ["weight"], ["b"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "a"], ["y"], "first"),
        helper.make_node("MatMul", ["z", "b"], ["w"], "second"),
    ]
    model = network(nodes, {"weight": WEIGHT})
    before = computed(model)
    assert layers_to_quantize(model) == []
    fold_transposes(model.graph)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "MatMul"]
    assert [tuple(tensor.dims) for tensor in model.graph.initializer] == [(40, 3)]
    assert layers_to_quantize(model) == ["first", "second"]
    for old, new in zip(before, computed(model), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-6)


def test_a_split_weight_becomes_its_parts():
    nodes = [
        helper.make_node("Split", ["weight", "sizes"], ["a", "b"], axis=1),
        helper.make_node("MatMul", ["x", "a"], ["y"]),
        helper.make_node("MatMul", ["z", "b"], ["w"]),
    ]
    model = network(nodes, {"weight": WEIGHT.T.copy(), "sizes": np.array([1, 2])})
    before = computed(model)
    fold_splits(model.graph)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "MatMul"]
    assert sorted(tuple(tensor.dims) for tensor in model.graph.initializer) == [(40, 1), (40, 2)]
    for old, new in zip(before, computed(model), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-6)
