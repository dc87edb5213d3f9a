"""torch.compile of every registered model: one graph without breaks, the same numbers as without it."""

import copy

import pytest
import torch
import torch._inductor.config
from torch.nn import functional

from clouds import random_clouds
from pointlora import apply_method, create_model, list_models
from pointlora.layers.drop_path import DropPath
from pointlora.models.tokenless import TokenlessClassifier

SIZES = {
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 8,
    "group_size": 8,
    "tokenizer_dims": (16, 24, 32),
}
slow = pytest.mark.slow
OPTIONS = {"classification": {"num_classes": 5}, "part_segmentation": {"num_parts": 6, "num_categories": 4}}
every_task = pytest.mark.parametrize("task", ["classification", pytest.param("part_segmentation", marks=slow)])
with_and_without = pytest.mark.parametrize("method", [None, "pointlora"])
# Every model takes seconds; the slow suite compiles the others too.
USUAL = ("point_mae",)
every_model_and_method = pytest.mark.parametrize(
    ("name", "method"),
    [
        *(pytest.param(name, "pointlora", marks=() if name in USUAL else slow) for name in list_models()),
        *(pytest.param(name, None, marks=slow) for name in list_models()),
    ],
)


class Graphs(list):
    """A backend that keeps the graphs and runs them as they are."""

    def __call__(self, graph, inputs):
        self.append(graph)
        return graph

    def targets(self):
        return [str(node.target) for graph in self for node in graph.graph.nodes]


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def make(name, method, task="classification", num_features=0):
    torch.manual_seed(0)
    model = create_model(name, task, num_features=num_features, **SIZES, **OPTIONS[task])
    if method:
        apply_method(model, method)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def with_features(points, num_features):
    values = torch.randn(*points.shape[:2], num_features, generator=torch.Generator().manual_seed(5))
    return torch.cat([points, values], -1)


def inputs(model, points):
    """What a model of either task is called with."""
    return (points,) if model.task == "classification" else (points, torch.arange(len(points)))


def step(model, forward, points):
    """Outputs, loss, gradients and running statistics of one training step, dropout included."""
    torch.manual_seed(7)
    model.train()
    output = forward(*inputs(model, points))
    if model.task == "classification":
        loss = functional.cross_entropy(output.logits, torch.arange(len(points)))
        loss = loss + model.generation_weight * output.generation_loss
    else:
        loss = functional.cross_entropy(output.logits.flatten(0, 1), points[..., 0].gt(0).long().flatten())
    (loss + 0.004 * output.auxiliary_loss).backward()
    gradients = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
    return output, gradients, {key: value for key, value in model.named_buffers() if value is not None}


def check_step(found, expected, tolerance, wider=1):
    """The head's BatchNorm over four clouds magnifies rounding, hence the factors."""
    outputs, gradients, buffers = zip(found, expected, strict=True)
    torch.testing.assert_close(*outputs, atol=5 * tolerance, rtol=tolerance)
    torch.testing.assert_close(*buffers, atol=tolerance, rtol=tolerance)
    # Biases before a BatchNorm have a gradient of 0 plus rounding, so all is measured against the largest of all.
    largest = max(float(gradient.abs().max()) for gradient in gradients[1].values())
    torch.testing.assert_close(*gradients, atol=10 * wider * tolerance * largest, rtol=0)


def compare(name, method, backend, task, num_features=0):
    model, points = make(name, method, task, num_features), with_features(random_clouds(4, 64), num_features)
    other = copy.deepcopy(model)
    compiled = torch.compile(other, fullgraph=True, backend=backend)
    # Of the ReLUs of so many points, one may stand on its border: the bound on gradients is wider there. Means over all
    # tokens differ little between clouds, which the head's BatchNorm magnifies.
    wider = 100 if task == "part_segmentation" else 10 if isinstance(model, TokenlessClassifier) else 1
    check_step(step(other, compiled, points), step(model, model, points), 1e-5, wider)
    with torch.no_grad():
        model.eval(), other.eval()
        for clouds in (points, with_features(random_clouds(4, 64, seed=3), num_features)):
            given = inputs(model, clouds)
            torch.testing.assert_close(compiled(*given).logits, model(*given).logits, atol=1e-5, rtol=0)


@every_model_and_method
@every_task
def test_one_graph_in_each_mode_and_equal_numbers(name, method, task):
    graphs = Graphs()
    compare(name, method, graphs, task)
    assert len(graphs) == 2  # training and evaluation
    targets = graphs.targets()
    assert sum("pointlora.farthest_points" in target for target in targets) == 2
    assert sum("pointlora.nearest_points" in target for target in targets) >= 2
    assert not any("argmax" in target or "topk" in target for target in targets) or method == "pointlora"


@slow
def test_a_part_segmenter_is_one_graph():
    graphs = Graphs()
    compare("point_mae", "pointlora", graphs, "part_segmentation")
    assert len(graphs) == 2


@slow
@pytest.mark.parametrize("method", ["pointlora-plus", "pointlora"])
@every_task
def test_features_are_part_of_the_graph(method, task):
    graphs = Graphs()
    compare("point_mae", method, graphs, task, num_features=3)
    assert len(graphs) == 2


def test_pretraining_is_one_graph():
    torch.manual_seed(0)
    model, graphs = create_model("point_mae", "pretraining", **SIZES).train(), Graphs()
    other = copy.deepcopy(model)
    compiled, points = torch.compile(other, fullgraph=True, backend=graphs), random_clouds(4, 64)
    losses = []
    for forward in (model, compiled):
        torch.manual_seed(3)
        losses.append(forward(points).loss)
        losses[-1].backward()
    torch.testing.assert_close(*losses, atol=1e-5, rtol=0)
    for (key, parameter), same in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(same.grad, parameter.grad, atol=1e-5, rtol=1e-4, msg=key)
    assert len(graphs) == 1


@slow
@every_task
def test_other_sizes_of_batch_and_cloud_need_no_more_than_one_more_graph(task):
    model, graphs = make("point_mae", "pointlora", task).eval(), Graphs()
    compiled = torch.compile(model, fullgraph=True, backend=graphs)
    with torch.no_grad():
        for batch, num_points in ((4, 64), (3, 70), (6, 80), (2, 100)):
            given = inputs(model, random_clouds(batch, num_points))
            given = (given[0], *(category % 4 for category in given[1:]))
            torch.testing.assert_close(compiled(*given).logits, model(*given).logits, atol=1e-5, rtol=0)
    assert len(graphs) <= 2


@every_task
def test_an_exported_program_holds_no_operator_of_ours(task):
    model = make("point_mae", "pointlora", task).eval()
    program = torch.export.export(model, inputs(model, random_clouds(2, 64)))
    assert "pointlora" not in str(program.graph)


@slow
@with_and_without
def test_inductor_computes_the_same(method):
    model, points = make("point_mae", method), random_clouds(4, 64)
    other = copy.deepcopy(model)
    with torch._inductor.config.patch(fallback_random=True):  # the same random numbers as without compiling
        check_step(step(other, torch.compile(other, fullgraph=True), points), step(model, model, points), 1e-4)


@slow
@with_and_without
def test_inductor_in_bfloat16_has_the_gradients_of_float32(method):
    """Fused kernels keep more digits than bfloat16, so a maximum doesn't equal any of the values computed again."""
    model, points = make("point_mae", method), random_clouds(4, 64)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(module, DropPath):
            module.rate = 0.0
    other = copy.deepcopy(model)
    _, expected, _ = step(model, model, points)
    compiled = torch.compile(other, fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16):
        _, found, _ = step(other, compiled, points)
    found, expected = (torch.cat([gradient.flatten() for gradient in some.values()]) for some in (found, expected))
    assert torch.nn.functional.cosine_similarity(found, expected, 0) > 0.9
