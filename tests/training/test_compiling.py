import csv

import pytest
import torch
from torch import nn

from pointlora.errors import ConfigError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.compiling import compiled
from pointlora.training.fit import fine_tune
from training_runs import tiny_recipe


class Doubler(nn.Module):
    def forward(self, x):
        return 3 * x if torch.compiler.is_compiling() else 2 * x


@pytest.fixture(autouse=True)
def eager_backend(monkeypatch):
    """Compiling for real takes half a minute; what is tested here is what is compiled, when, and for how long."""
    torch._dynamo.reset()
    plain = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: plain(self, backend="eager", **options))


def test_the_model_is_compiled_within_and_not_afterwards():
    model = Doubler()
    with compiled(model, True) as spent:
        assert model(torch.ones(3)).tolist() == [3, 3, 3]
        first = spent.seconds
        model(torch.ones(3))
        assert spent.seconds == first > 0
        model(torch.ones(4))
        assert spent.seconds > first
    last = spent.seconds
    assert model(torch.ones(3)).tolist() == [2, 2, 2]
    torch.compile(Doubler(), backend="eager")(torch.ones(3))
    assert spent.seconds == last


def test_nothing_is_compiled_unless_wanted():
    model = Doubler()
    with compiled(model, False) as spent:
        assert model(torch.ones(1)).tolist() == [2]
    assert spent.seconds == 0


def test_parameters_keep_their_names():
    model = nn.Sequential(nn.Linear(2, 2))
    names = list(model.state_dict())
    with compiled(model, True):
        model(torch.ones(1, 2))
        assert list(model.state_dict()) == names


def test_a_failure_to_compile_is_named():
    def fails(graph, inputs):
        raise RuntimeError("no C++ compiler")

    message = r"^training\.compile is true, but torch\.compile fails: no C\+\+ compiler; set it to false$"
    with pytest.raises(ConfigError, match=message), compiled(Doubler(), True):
        torch.compile(lambda x: x + 1, backend=fails)(torch.ones(2))


@pytest.mark.slow
def test_a_compiled_run_has_the_losses_of_a_plain_one(tmp_path):
    """With a backend that keeps the operations and their random numbers as they are."""
    results, losses = {}, {}
    for wanted in (False, True):
        folder = tmp_path / str(wanted)
        results[wanted] = fine_tune(from_mapping(TrainRecipe, tiny_recipe(folder, epochs=2, compile=wanted)))
        with (folder / "metrics.csv").open() as file:
            losses[wanted] = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[True] == pytest.approx(losses[False], abs=1e-3)
    assert "compile_seconds" not in results[False]
    assert 0 < results[True]["compile_seconds"] < results[True]["seconds"]
