"""Whole fine-tuning runs, in this process."""

import csv
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adapter_samples import write_adapter
from pointlora.adapters.loading import load_adapted_model
from pointlora.errors import AdapterError, ConfigError
from pointlora.recipes.files import from_mapping, read_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training import base_module
from pointlora.training.callbacks import BestEpoch
from pointlora.training.evaluate_adapter import evaluate_adapter
from pointlora.training.fit import fine_tune
from pointlora.training.run_outputs import results_table
from training_runs import OPTIONS, tiny_recipe


def train(output, method=None, **training):
    recipe = tiny_recipe(output, **training)
    recipe["method"] = method or recipe["method"]
    return fine_tune(from_mapping(TrainRecipe, recipe))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit") / "run"
    torch.manual_seed(1)
    results = train(folder)
    return folder, results, torch.rand(1)


def test_every_output_is_there(run):
    folder, results, _ = run
    assert json.loads((folder / "results.json").read_text()) == results
    assert from_mapping(TrainRecipe, read_mapping(folder / "config.yaml")).method["rank"] == 2
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["lr"]) for row in rows] == pytest.approx([1e-6, 0.00150025, 0.00050075])
    assert max(float(row["selection_accuracy"]) for row in rows) == results["selection_accuracy"]
    confusion = np.loadtxt((folder / "confusion_matrix.csv").open(), delimiter=",", skiprows=1, usecols=(1, 2, 3))
    assert confusion.tolist() == results["confusion_matrix"]
    assert confusion.sum(1).tolist() == [4, 4, 4]
    assert results["accuracy"] == pytest.approx(confusion.trace() / 12)
    assert results["selected_on"] == "validation split"
    assert 0 < results["trained_parameters"] < results["total_parameters"]


def test_the_callers_randomness_and_settings_are_untouched(run):
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), run[2])
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_adapter_gives_the_reported_figures(run):
    folder, results, _ = run
    metrics, about = evaluate_adapter(folder / "adapter", batch_size=5)
    assert metrics.confusion.tolist() == results["confusion_matrix"]
    assert about == {
        "data": "procedural",
        "split": "test",
        "num_points": 128,
        "votes": 1,
        "selected_on": "validation split",
    }
    model, config = load_adapted_model(folder / "adapter")
    assert config["class_names"] == OPTIONS["categories"]
    assert config["preprocessing"] == {"num_points": 128, "normalize": True, "up_axis": "y"}
    assert not model.training


def test_votes_are_stateless(run):
    folder = run[0] / "adapter"
    first = evaluate_adapter(folder, votes=3, num_points=96, batch_size=4)[0]
    again = evaluate_adapter(folder, votes=3, num_points=96, batch_size=12, workers=1)[0]
    assert first.count == 12
    assert first.confusion.tolist() == again.confusion.tolist()


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(run, tmp_path):
    train(tmp_path / "same", workers=2)
    train(tmp_path / "other", seed=1)
    weights = [
        load_file(f / "adapter" / "adapter_model.safetensors") for f in (run[0], tmp_path / "same", tmp_path / "other")
    ]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    assert not all(torch.equal(value, weights[2][key]) for key, value in weights[0].items())


def test_the_papers_protocol_says_so_everywhere(tmp_path, capsys):
    results = train(tmp_path / "run", protocol="paper", epochs=1)
    assert results["selected_on"] == "test set (papers' protocol)"
    assert results["selection_accuracy"] == results["accuracy"]
    assert load_adapted_model(tmp_path / "run" / "adapter")[1]["selected_on"] == results["selected_on"]
    assert "chosen on the test set" in capsys.readouterr().err


def test_the_last_epoch_is_chosen_on_nothing(tmp_path, capsys):
    """No data are held back or looked at before the end, and the weights are those after the last step."""
    results = train(tmp_path / "run", protocol="last")
    assert results["selected_on"] == "nothing (last epoch)"
    assert (results["selection_accuracy"], results["best_epoch"]) == (None, 3)
    said = capsys.readouterr().err
    assert "36 clouds; last epoch, none was chosen" in said
    assert "accuracy" not in said
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert list(rows[0]) == ["epoch", "lr", "train_loss", "steps", "seconds", "train_seconds"]
    saved = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert "BestEpoch" not in torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    by_sum = sorted(float(value.double().sum()) for value in saved.values())
    assert by_sum == sorted(float(value.double().sum()) for value in last.values())
    assert evaluate_adapter(tmp_path / "run" / "adapter")[0].accuracy == results["accuracy"]
    assert "accuracy on the test set; last epoch, none was chosen" in results_table(results)


def test_full_fine_tuning_in_bf16_learns_the_training_set(tmp_path):
    # Which of 25 epochs the four clouds of a validation split choose is luck, which every processor has of its own.
    recipe = tiny_recipe(tmp_path / "run", epochs=25, precision="bf16", protocol="last", seed=3)
    recipe["method"] = {"name": "full"}
    recipe["model"]["drop_path_rate"] = 0.0
    recipe["data"]["options"]["test_size"] = 48
    results = fine_tune(from_mapping(TrainRecipe, recipe))
    losses = [float(row["train_loss"]) for row in csv.DictReader((tmp_path / "run" / "metrics.csv").open())]
    assert losses[-1] < 0.6 * losses[0]
    assert results["accuracy"] >= 0.75  # three classes: chance is 0.33
    assert results["trained_parameters"] == results["total_parameters"]
    assert evaluate_adapter(tmp_path / "run" / "adapter")[0].accuracy == results["accuracy"]


def test_the_test_set_stays_closed_when_it_is_not_to_be_measured(tmp_path, monkeypatch):
    from pointlora.training import data

    opened, real = [], data.open_dataset
    monkeypatch.setattr(
        data, "open_dataset", lambda *words, **options: opened.append(words[2]) or real(*words, **options)
    )
    results = train(tmp_path / "run", epochs=2, measure_test=False)
    assert opened == ["train"]
    assert results["measured_on"] == "validation split"
    assert results["accuracy"] == results["selection_accuracy"]
    assert results["count"] == 4  # a tenth of 36
    with pytest.raises(ConfigError, match="measure_test is false, but training.protocol paper"):
        train(tmp_path / "other", protocol="paper", measure_test=False)


def test_what_a_run_cost_is_in_its_results(run):
    _, results, _ = run
    assert results["measured_on"] == "test set"
    assert 50 < results["peak_memory_mib"] < 20_000
    assert 0 < results["median_seconds_per_step"] <= results["seconds_per_step"] * 3
    assert 0 < results["training_seconds"] <= results["seconds"]
    assert results["head_parameters"] == (32 + 1) * 256 + (256 + 1) * 256 + 4 * 256 + (256 + 1) * 3
    assert results["adapter_bytes"] == sum(path.stat().st_size for path in (run[0] / "adapter").iterdir())


def test_training_from_scratch_stands_on_nothing(tmp_path):
    results = train(tmp_path / "run", {"name": "scratch"}, epochs=1)
    assert results["trained_parameters"] == results["total_parameters"]
    assert evaluate_adapter(tmp_path / "run" / "adapter")[0].accuracy == results["accuracy"]
    described = load_adapted_model(tmp_path / "run" / "adapter")[1]
    assert (described["method"]["name"], described["base_model"]["checkpoint"]) == ("scratch", None)


def test_the_first_of_equal_epochs_is_kept():
    class Trainer:
        current_epoch = 0

    from pointlora.recipes.parts import OptimizerConfig
    from pointlora.recipes.runs import TrainingConfig
    from pointlora.training.classification.module import ClassificationModule

    layer = torch.nn.Linear(1, 1)
    module = ClassificationModule(layer, OptimizerConfig(), TrainingConfig(), ("a",))
    best = BestEpoch()
    for epoch, accuracy in enumerate([0.5, 0.7, 0.7, 0.6]):
        Trainer.current_epoch, module.selection = epoch, {"accuracy": accuracy}
        with torch.no_grad():
            layer.weight.fill_(epoch)
        best.on_validation_end(Trainer(), module)
    assert (best.epoch, best.value, best.weights["weight"].item()) == (1, 0.7, 1.0)


def test_a_folder_is_never_overwritten(run, tmp_path):
    with pytest.raises(ConfigError, match="finished run"):
        train(run[0])
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        train(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("clip_norm", [0.01, None])
def test_gradients_are_clipped_to_the_recipes_norm(tmp_path, monkeypatch, clip_norm):
    norms = []

    class Recorded(torch.optim.AdamW):
        def step(self, closure=None):
            closure()
            parameters = (value for group in self.param_groups for value in group["params"])
            gradients = [value.grad for value in parameters if value.grad is not None]
            norms.append(torch.nn.utils.get_total_norm(gradients).item())

    def recorded(model, config):
        return Recorded([value for value in model.parameters() if value.requires_grad])

    monkeypatch.setattr(base_module, "make_optimizer", recorded)
    recipe = tiny_recipe(tmp_path, epochs=1)
    recipe["optimizer"]["clip_norm"] = clip_norm
    fine_tune(from_mapping(TrainRecipe, recipe))
    assert len(norms) == 4
    assert (max(norms) <= 0.01 * 1.001) is (clip_norm is not None)


def test_an_adapter_without_class_names_cannot_be_measured(tmp_path):
    folder = write_adapter(tmp_path / "adapter")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"class_names": None}))
    with pytest.raises(AdapterError, match="has no class names"):
        evaluate_adapter(folder, data_name="procedural")


def test_a_folder_that_lacks_a_class_is_measured(tmp_path):
    from adapter_samples import write_adapter
    from pointlora.data.files import write_ply
    from pointlora.reports.classification import metrics_table

    for name in ("sphere", "cube"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            points = np.random.default_rng([number]).normal(size=(50, 3)).astype(np.float32)
            write_ply(tmp_path / "data" / name / f"{number}.ply", points)
    adapter = write_adapter(tmp_path / "adapter")
    found, _ = evaluate_adapter(adapter, data_name="folder", root=str(tmp_path / "data"), split="all", cache="off")
    assert found.count == 6
    assert found.per_class["cone"] is None
    assert found.confusion.sum(1).tolist() == [3, 3, 0]
    (line,) = [line for line in metrics_table(found.as_dict(), "").splitlines() if "cone" in line]
    assert line.split()[1] == "-"
