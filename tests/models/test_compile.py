"""torch.compile of every registered model: one graph without breaks, the same numbers as without it."""

import copy

import pytest
import torch
import torch._inductor.config
from torch.nn import functional

from clouds import random_clouds
from pointlora import apply_method, create_model, list_models

SIZES = {
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 8,
    "group_size": 8,
    "tokenizer_dims": (16, 24, 32),
}
every_model = pytest.mark.parametrize("name", list_models())
with_and_without = pytest.mark.parametrize("method", [None, "pointlora"])


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


def make(name, method):
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, **SIZES)
    if method:
        apply_method(model, method)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def step(model, forward, points):
    """Outputs, loss, gradients and running statistics of one training step, dropout included."""
    torch.manual_seed(7)
    model.train()
    output = forward(points)
    loss = functional.cross_entropy(output.logits, torch.arange(len(points)))
    loss = loss + 0.004 * output.auxiliary_loss + model.generation_weight * output.generation_loss
    loss.backward()
    gradients = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
    return output, gradients, {key: value for key, value in model.named_buffers() if value is not None}


def check_step(found, expected, tolerance):
    """The head's BatchNorm over four clouds magnifies rounding, hence the factors."""
    outputs, gradients, buffers = zip(found, expected, strict=True)
    torch.testing.assert_close(*outputs, atol=5 * tolerance, rtol=tolerance)
    torch.testing.assert_close(*buffers, atol=tolerance, rtol=tolerance)
    # Biases before a BatchNorm have a gradient of 0 plus rounding, so all is measured against the largest of all.
    largest = max(float(gradient.abs().max()) for gradient in gradients[1].values())
    torch.testing.assert_close(*gradients, atol=10 * tolerance * largest, rtol=0)


def compare(name, method, backend):
    model, points = make(name, method), random_clouds(4, 64)
    other = copy.deepcopy(model)
    compiled = torch.compile(other, fullgraph=True, backend=backend)
    check_step(step(other, compiled, points), step(model, model, points), 1e-5)
    with torch.no_grad():
        model.eval(), other.eval()
        torch.testing.assert_close(compiled(points).logits, model(points).logits, atol=1e-5, rtol=0)
        more = random_clouds(4, 64, seed=3)
        torch.testing.assert_close(compiled(more).logits, model(more).logits, atol=1e-5, rtol=0)


@every_model
@with_and_without
def test_one_graph_in_each_mode_and_equal_numbers(name, method):
    graphs = Graphs()
    compare(name, method, graphs)
    assert len(graphs) == 2  # training and evaluation
    targets = graphs.targets()
    assert sum("pointlora.farthest_points" in target for target in targets) == 2
    assert sum("pointlora.nearest_points" in target for target in targets) >= 2
    assert not any("argmax" in target or "topk" in target for target in targets) or method == "pointlora"


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


def test_other_sizes_of_batch_and_cloud_need_no_more_than_one_more_graph():
    model, graphs = make("point_mae", "pointlora").eval(), Graphs()
    compiled = torch.compile(model, fullgraph=True, backend=graphs)
    with torch.no_grad():
        for batch, num_points in ((4, 64), (3, 70), (6, 80), (2, 100)):
            points = random_clouds(batch, num_points)
            torch.testing.assert_close(compiled(points).logits, model(points).logits, atol=1e-5, rtol=0)
    assert len(graphs) <= 2


def test_an_exported_program_holds_no_operator_of_ours():
    model = make("point_mae", "pointlora").eval()
    program = torch.export.export(model, (random_clouds(2, 64),))
    assert "pointlora" not in str(program.graph)


@pytest.mark.slow
@with_and_without
def test_inductor_computes_the_same(method):
    model, points = make("point_mae", method), random_clouds(4, 64)
    other = copy.deepcopy(model)
    with torch._inductor.config.patch(fallback_random=True):  # the same random numbers as without compiling
        check_step(step(other, torch.compile(other, fullgraph=True), points), step(model, model, points), 1e-4)
