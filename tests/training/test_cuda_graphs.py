from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pointlora.training import cuda_graphs
from pointlora.training.cuda_graphs import GraphedClassifier, capture, unchanged


class Classifier(nn.Module):
    """Logits (B, 3) and two losses; a BatchNorm whose statistics move."""

    def __init__(self):
        super().__init__()
        self.norm, self.head, self.dropout = nn.BatchNorm1d(3), nn.Linear(3, 3), nn.Dropout(0.5)

    def forward(self, points):
        logits = self.head(self.dropout(self.norm(points.mean(1))))
        return logits, logits.square().mean(), logits.new_zeros(()), ()


@pytest.fixture
def trial_runs(monkeypatch):
    """Stands in for torch's capture, which needs a GPU: runs the module three times, as torch does."""
    calls = SimpleNamespace(count=0)

    def make(module, samples, allow_unused_input):
        calls.count += 1
        assert not torch.is_autocast_enabled("cpu")
        for _ in range(3):
            module(*samples)
        return lambda points: ("replayed", points)

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", make)
    return calls


def test_trial_runs_leave_no_trace(trial_runs):
    model = Classifier().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    points = torch.randn(4, 5, 3)
    state = torch.get_rng_state()
    with torch.autocast("cpu", torch.bfloat16):
        assert capture(cuda_graphs._Losses(model, False), points) is not None
    assert trial_runs.count == 1
    assert torch.equal(torch.get_rng_state(), state)
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    with unchanged(model, points.device):
        model(points)
        assert model.norm.num_batches_tracked == 1
        assert not torch.equal(torch.get_rng_state(), state)
    assert model.norm.num_batches_tracked == 0
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_with_hooks_is_not_captured(trial_runs, capsys):
    def computes(module, inputs, output):
        return output

    model, computes.computes = Classifier().train(), True
    model.head.register_forward_hook(computes)
    assert capture(cuda_graphs._Losses(model, False), torch.randn(4, 5, 3)) is not None
    trial_runs.count = 0
    model.head.register_forward_hook(lambda module, inputs, output: output)
    assert capture(cuda_graphs._Losses(model, False), torch.randn(4, 5, 3)) is None
    assert "something was hung on the model" in capsys.readouterr().err
    assert trial_runs.count == 0


def test_what_cannot_be_captured_runs_as_ever(monkeypatch, capsys):
    def fail(*_, **__):
        raise RuntimeError("CUDA error: operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", fail)
    assert capture(cuda_graphs._Losses(Classifier(), False), torch.randn(4, 5, 3)) is None
    assert capsys.readouterr().err == "training without CUDA graphs: CUDA error: operation not permitted\n"


def test_a_processor_takes_the_ordinary_way(trial_runs):
    model = Classifier().eval()
    points = torch.randn(4, 5, 3)
    graphed = GraphedClassifier(model, wanted=True, bf16=False)
    assert all(torch.equal(*pair) for pair in zip(graphed(points), model(points)[:3], strict=True))
    assert trial_runs.count == 0


class OnGpu(torch.Tensor):
    """A tensor that says it is on a GPU."""

    is_cuda = True


def test_the_first_shape_is_replayed_and_others_are_not(monkeypatch):
    made = []
    monkeypatch.setattr(cuda_graphs, "capture", lambda module, points: made.append(points.shape) or (lambda p: (p,)))
    graphed = GraphedClassifier(Classifier().eval(), wanted=True, bf16=False)
    full, rest = torch.randn(4, 5, 3).as_subclass(OnGpu), torch.randn(2, 5, 3).as_subclass(OnGpu)
    assert graphed(full)[0] is full
    assert len(graphed(rest)) == 3
    assert graphed(full)[0] is full
    assert made == [full.shape]
    assert len(GraphedClassifier(Classifier().eval(), wanted=False, bf16=False)(full)) == 3
