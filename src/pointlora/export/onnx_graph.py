"""A network as an ONNX graph of standard operators."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from pointlora.export.network import ExportedNetwork, least_points
from pointlora.export.onnx_folding import fold_splits, fold_transposes, graphs
from pointlora.export.samples import random_inputs
from pointlora.ops.compiling import NODES, operators_in_exports

# What the sizes of inputs and outputs are called in the graph.
_SIZES = {"points": ("batch", "points"), "queries": ("batch", "queries"), "category": ("batch",)}


def traced(network: ExportedNetwork) -> ExportedProgram:
    """What torch.export makes of a network, for any number of clouds, points and queries."""
    examples = random_inputs(network, 2, max(least_points(network), 32) + 5, seed=0)
    shapes = {name: dict.fromkeys(range(len(_SIZES[name])), Dim.DYNAMIC) for name in network.names}
    torch.compiler.reset()  # what was compiled before counts towards its limit
    # Dynamo, because only there is the length of a tensor a symbol.
    return torch.export.export(network, tuple(examples), dynamic_shapes=shapes, strict=True)


def onnx_model(network: ExportedNetwork) -> Any:
    """The `onnx.ModelProto` of a network, without metadata.

    Inputs are named as the network's arguments, the output is `logits`.
    """
    from pointlora.export.operators import OPSET, translations

    with _quiet(), torch.no_grad(), operators_in_exports(NODES):
        program = torch.onnx.export(
            traced(network),
            dynamo=True,
            opset_version=OPSET,
            custom_translation_table=translations(),
            input_names=list(network.names),
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None
    return cleaned(program.model_proto)


def cleaned(model: Any) -> Any:
    """The model without notes of the exporter, which name files of this machine, its sizes with names for people."""
    graph = model.graph
    known: dict[str, str] = {}
    for value in graph.input:
        for dimension, name in zip(value.type.tensor_type.shape.dim, _SIZES[value.name], strict=False):
            known[dimension.dim_param] = name
    for value in (*graph.input, *graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_param = known.get(dimension.dim_param, dimension.dim_param)
        del value.metadata_props[:]
    for each in graphs(graph):
        del each.value_info[:]
        del each.metadata_props[:]
        for item in (*each.node, *each.initializer):
            item.doc_string = ""
            del item.metadata_props[:]
    del model.metadata_props[:]
    fold_splits(graph)
    fold_transposes(graph)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter speaks of packages that nobody needs here."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
