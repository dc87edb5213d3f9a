"""Every registered model, task and method as an ONNX graph and as an exported program: torch's logits."""

import io

import numpy as np
import onnxruntime
import pytest
import torch

import pointlora
from model_names import COVERED
from pointlora import apply_method, create_model, list_models, method_config
from pointlora.data.features import FeatureScaling
from pointlora.data.transforms import TransformConfig
from pointlora.export.checking import TOLERANCE
from pointlora.export.network import exported_network, least_points
from pointlora.export.onnx_graph import onnx_model, traced
from pointlora.export.samples import random_inputs
from pointlora.ops.compiling import LOOPS, operators_in_exports

SIZES = {
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 24,
    "group_size": 8,
    "tokenizer_dims": (16, 24, 32),
}
OPTIONS = {"classification": {"num_classes": 5}, "part_segmentation": {"num_parts": 6, "num_categories": 4}}
# Networks of equal form; together they have every operation that there is.
DIFFERENT = [name for name in list_models() if name not in COVERED - {"uni3d_tiny"}]
SETTINGS = {"pointgst": {"rank": 6, "local": 10}}
METHODS = [name for name in pointlora.list_methods() if name != "pointlora"]
slow = pytest.mark.slow
every_task = pytest.mark.parametrize("task", list(OPTIONS))


def make(name, task, method=None, **sizes):
    torch.manual_seed(0)
    model = create_model(name, task, **SIZES, **OPTIONS[task], **sizes)
    if method:
        apply_method(model, method_config(method, **SETTINGS.get(method, {})))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def trials(network, sizes=(700, 2048, 5000)):
    for batch in (1, 3):
        for num_points in sizes:
            yield random_inputs(network, batch, max(num_points, least_points(network)), seed=batch * num_points)


def check(network, sizes=(700, 2048, 5000)):
    """onnxruntime's logits are those of torch, and not all the same."""
    content = onnx_model(network).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == list(network.names)
    for inputs in trials(network, sizes):
        with torch.no_grad():
            expected = network(*inputs).numpy()
        (found,) = session.run(None, {name: each.numpy() for name, each in zip(network.names, inputs, strict=True)})
        np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)
        assert np.ptp(expected) > 0.01


@pytest.mark.slow
def test_a_part_segmenter_with_features_takes_queries_and_categories():
    model = make("point_mae", "part_segmentation", "lora", num_features=2)
    network = exported_network(model)
    assert network.names == ("points", "queries", "category")
    check(network, (700,))


@slow
@pytest.mark.parametrize("name", DIFFERENT)
@every_task
def test_every_model(name, task):
    check(exported_network(make(name, task)))


@slow
@pytest.mark.parametrize("method", METHODS)
@every_task
def test_every_method(method, task):
    check(exported_network(make("point_mae", task, method)))


@slow
@pytest.mark.parametrize("name", ["point_mae", "point_gpt_s", "uni3d_tiny", "recon"])
@every_task
def test_pointlora(name, task):
    check(exported_network(make(name, task, "pointlora", num_features=3)))


@slow
@pytest.mark.parametrize("categories", [0, 4])
def test_raw_clouds_with_features_and_queries(categories):
    torch.manual_seed(0)
    model = create_model(
        "point_mae", "part_segmentation", **SIZES, num_parts=6, num_categories=categories, num_features=1
    )
    scaling = FeatureScaling(("intensity",), (0.2,), (1.5,))
    network = exported_network(model, TransformConfig(num_points=64, features=scaling))
    assert ("category" in network.names) == (categories > 0)
    check(network, (10, 64, 700))


@slow
@pytest.mark.parametrize(
    ("name", "task", "method", "num_points"),
    [
        ("point_mae", "classification", "pointlora", None),
        ("point_mae", "part_segmentation", "dapt", 64),
        ("point_gpt_s", "classification", None, 64),
        ("uni3d_tiny", "part_segmentation", "lora", None),
    ],
)
def test_exported_programs(name, task, method, num_points):
    """Any number of clouds and points, no operator of ours, and farthest point sampling as a loop."""
    model = make(name, task, method)
    network = exported_network(model, None if num_points is None else TransformConfig(num_points=num_points))
    with torch.no_grad(), operators_in_exports(LOOPS):
        program = traced(network)
    assert "pointlora" not in str(program.graph)
    assert "while_loop" in str(program.graph)
    content = io.BytesIO()
    torch.export.save(program, content)
    content.seek(0)
    loaded = torch.export.load(content).module()
    for inputs in trials(network, (700, 2048) if num_points is None else (700, 66_000)):
        with torch.no_grad():
            torch.testing.assert_close(loaded(*inputs), network(*inputs), atol=1e-5, rtol=0)


@slow
@pytest.mark.parametrize(("name", "megabytes"), [("point_mae", 92), ("point_mae_tiny", 13)])
def test_files_are_hardly_larger_than_their_weights(name, megabytes):
    torch.manual_seed(0)
    content = onnx_model(exported_network(create_model(name, num_classes=40))).SerializeToString()
    assert len(content) <= megabytes * 1e6
