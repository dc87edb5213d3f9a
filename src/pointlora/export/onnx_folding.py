"""What torch.onnx leaves to be computed at every call, though it is the same each time: parts of weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def fold_splits(graph: Any) -> None:
    """Replace the splitting of constants by constants, in place: the quantizer only sees weights that are constant."""
    import onnx

    constants = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type != "Split" or any(name not in constants for name in node.input):
            kept.append(node)
            continue
        settings = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        values, *sizes = (onnx.numpy_helper.to_array(constants[name]) for name in node.input)
        places = np.cumsum(sizes[0])[:-1].tolist() if sizes else settings["num_outputs"]
        for name, part in zip(node.output, np.array_split(values, places, settings.get("axis", 0)), strict=True):
            constants[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(part), name)
            graph.initializer.append(constants[name])
    del graph.node[:]
    graph.node.extend(kept)
    drop_unused(graph)


def fold_transposes(graph: Any) -> None:
    """Replace turned constants by constants, in place, each once: torch.onnx leaves those that several layers share."""
    import onnx

    constants = {tensor.name: tensor for tensor in graph.initializer}
    turned: dict[tuple[str, tuple[int, ...]], str] = {}
    names: dict[str, str] = {}
    kept = []
    for node in graph.node:
        if node.op_type != "Transpose" or node.input[0] not in constants:
            kept.append(node)
            continue
        settings = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        values = onnx.numpy_helper.to_array(constants[node.input[0]])
        key = node.input[0], tuple(settings.get("perm", reversed(range(values.ndim))))
        if key not in turned:
            turned[key] = node.output[0]
            graph.initializer.append(onnx.numpy_helper.from_array(values.transpose(key[1]).copy(), node.output[0]))
        names[node.output[0]] = turned[key]
    for each in graphs(graph):
        for node in each.node:
            inputs = [names.get(name, name) for name in node.input]
            del node.input[:]
            node.input.extend(inputs)
    del graph.node[:]
    graph.node.extend(kept)
    drop_unused(graph)


def drop_unused(graph: Any) -> None:
    """Leave out constants that nothing reads, in place."""
    used = {name for each in graphs(graph) for node in each.node for name in node.input}
    used |= {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def graphs(graph: Any) -> Iterator[Any]:
    """A graph and those within its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs(attribute.g)
