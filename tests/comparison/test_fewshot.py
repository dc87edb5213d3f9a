"""Few-shot evaluations: figures, resumption, the shared checkpoint."""

import csv
import json
import statistics

import pytest
import torch
from safetensors.torch import load_file

from pointlora.comparison import fewshot
from pointlora.comparison.fewshot import run_folds, summarize_folds
from pointlora.errors import CheckpointError, ConfigError
from pointlora.models import weight_files
from pointlora.recipes.fewshot import FewShotRecipe, fold_recipe
from pointlora.recipes.files import from_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.reports.fewshot import percentages, text_report
from pointlora.training import run_outputs
from pointlora.training.evaluate_adapter import evaluate_adapter
from pointlora.training.fit import fine_tune
from pointlora.training.pretraining.run import pretrain
from pointlora.training.run_folder import RunFolder
from training_runs import run_process, tiny_fewshot, tiny_pretraining

SIGKILLED = -9


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As in the processes that are killed: another number of threads adds up in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "pretrained"
    pretrain(from_mapping(PretrainRecipe, tiny_pretraining(folder, epochs=1)))
    return folder / "model.safetensors"


def evaluation(output, checkpoint, **changes):
    training = changes.pop("training", {})
    recipe = tiny_fewshot(output, **training) | changes
    recipe["model"]["checkpoint"] = str(checkpoint)
    return recipe


def run(output, checkpoint, **changes):
    return run_folds(from_mapping(FewShotRecipe, evaluation(output, checkpoint, **changes)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, checkpoint):
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, run(folder, checkpoint)


def content(folder):
    """What must not depend on interruptions: the table, the figures without the folder's name, and all adapters."""
    figures = json.loads((folder / "fewshot.json").read_text())
    del figures["recipe"]["output"]
    adapters = [(folder / f"fold_{n:02d}/adapter/adapter_model.safetensors").read_bytes() for n in range(3)]
    return (folder / "fewshot.md").read_text(), figures, adapters


def test_the_figures_are_those_of_the_folds(whole):
    folder, figures = whole
    assert json.loads((folder / "fewshot.json").read_text()) == figures
    single = [json.loads((folder / f"fold_{n:02d}/results.json").read_text()) for n in range(3)]
    accuracies = [results["accuracy"] for results in single]
    assert [fold["accuracy"] for fold in figures["folds"]] == accuracies
    assert figures["accuracy_mean"] == pytest.approx(sum(accuracies) / 3)
    assert figures["accuracy_std"] == pytest.approx(statistics.stdev(accuracies))
    assert len({tuple(fold["class_names"]) for fold in figures["folds"]}) > 1
    assert [fold["count"] for fold in figures["folds"]] == [9, 9, 9]
    assert all(len(fold["class_names"]) == 3 for fold in figures["folds"])
    table = (folder / "fewshot.md").read_text()
    assert percentages(accuracies) in table
    assert "mean ± standard deviation of 3 folds; last epoch, none was chosen" in table
    assert [line.split(" | ")[1] for line in table.splitlines()[4:]] == [f"{100 * a:.2f}" for a in accuracies]
    assert percentages(accuracies) in text_report(figures)


def test_the_deviation_is_that_of_a_sample(tmp_path):
    recipe = from_mapping(FewShotRecipe, tiny_fewshot(tmp_path))
    figures = summarize_folds(recipe, [{"accuracy": value, "selected_on": "none"} for value in (0.5, 0.7, 0.9)])
    assert figures["accuracy_mean"] == pytest.approx(0.7)
    assert figures["accuracy_std"] == pytest.approx(0.2)


def test_means_and_deviations_are_written_as_in_papers():
    assert percentages([0.97, 0.95, 0.99]) == "97.0 ± 2.0 %"
    assert percentages([0.5]) == "50.0 %"


def test_finished_folds_keep_no_checkpoint(whole):
    assert not list(whole[0].rglob("last.ckpt"))


def test_the_last_epoch_is_reported(whole):
    folder, figures = whole
    results = json.loads((folder / "fold_00/results.json").read_text())
    assert (results["best_epoch"], results["selection_accuracy"]) == (3, None)
    assert results["selected_on"] == figures["selected_on"] == "nothing (last epoch)"
    rows = list(csv.DictReader((folder / "fold_00/metrics.csv").open()))
    assert len(rows) == 3
    assert "selection_accuracy" not in rows[0]


def test_an_adapter_of_a_fold_is_measured_again(whole):
    folder, figures = whole
    for number, fold in enumerate(figures["folds"]):
        metrics, about = evaluate_adapter(folder / f"fold_{number:02d}" / "adapter")
        assert metrics.accuracy == fold["accuracy"]
        assert list(metrics.class_names) == fold["class_names"]
        assert about["data"] == "fewshot"


def test_a_fold_is_the_run_that_train_would_do(whole, checkpoint, tmp_path):
    """The shared weights give the same bits as the checkpoint read anew."""
    recipe = from_mapping(FewShotRecipe, evaluation(tmp_path, checkpoint))
    results = fine_tune(fold_recipe(recipe, 1))
    assert results["accuracy"] == whole[1]["folds"][1]["accuracy"]
    same, again = (load_file(f / "fold_01/adapter/adapter_model.safetensors") for f in (whole[0], tmp_path))
    assert all(torch.equal(value, again[key]) for key, value in same.items())


def test_the_checkpoint_is_read_once_and_only_if_needed(tmp_path, checkpoint, monkeypatch):
    reads, inner = [], weight_files.read_file

    def read(path, shapes_only=False):
        if not shapes_only:
            reads.append(path)
        return inner(path, shapes_only)

    monkeypatch.setattr(weight_files, "read_file", read)
    run(tmp_path / "run", checkpoint, training={"epochs": 1}, folds=2)
    assert reads == [checkpoint]
    run(tmp_path / "run", checkpoint, training={"epochs": 1}, folds=2)
    assert reads == [checkpoint]


def test_a_checkpoint_that_does_not_fit_is_named_and_nothing_is_left(tmp_path, checkpoint):
    recipe = evaluation(tmp_path / "run", checkpoint)
    recipe["model"]["embed_dim"] = 32
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        run_folds(from_mapping(FewShotRecipe, recipe))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kills", [(4,), (2, 2, 4)])
def test_killed_evaluations_end_alike(tmp_path, whole, checkpoint, kills):
    """Nine steps in all: within a fold, at the start of the next one, and several times."""
    recipe = evaluation(tmp_path / "run", checkpoint)
    for kill_at in kills:
        assert run_process(recipe, kill_at) == SIGKILLED
        assert not (tmp_path / "run/fewshot.json").exists()
    assert run_process(recipe) == 0
    assert content(tmp_path / "run") == content(whole[0])


@pytest.mark.parametrize(
    ("module", "name", "call"),
    [
        (run_outputs, "save_adapter", 1),  # trained to the end, nothing written
        (RunFolder, "write_results", 2),
        (fewshot, "_figures", 1),  # finished, and its last.ckpt deleted
        (fewshot, "write_text_atomically", 6),  # the table is written, the figures are not
    ],
)
def test_interrupted_outside_of_the_steps(tmp_path, whole, checkpoint, monkeypatch, module, name, call):
    inner, calls = getattr(module, name), []

    def interrupt(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise KeyboardInterrupt
        return inner(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run", checkpoint)
    assert len(calls) == call
    run(tmp_path / "run", checkpoint)
    assert content(tmp_path / "run") == content(whole[0])


def test_more_folds_later(tmp_path, whole, checkpoint, capsys):
    assert run(tmp_path / "run", checkpoint, folds=1)["accuracy_std"] is None
    assert "one fold" in (tmp_path / "run/fewshot.md").read_text()
    capsys.readouterr()
    run(tmp_path / "run", checkpoint)
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("fold 1/3")] == [
        f"fold 1/3: accuracy {100 * whole[1]['folds'][0]['accuracy']:.2f} %, finished before; "
        f"so far {percentages([whole[1]['folds'][0]['accuracy']])}"
    ]
    assert sum(line.startswith("epoch") for line in said) == 6
    assert content(tmp_path / "run") == content(whole[0])
    for changes in ({"shots": 3}, {"fold_seed": 1}, {"training": {"seed": 1}}):
        with pytest.raises(ConfigError, match="holds a few-shot evaluation with"):
            run(tmp_path / "run", checkpoint, **changes)


def test_other_seeds_give_other_folds_or_other_runs(tmp_path, whole, checkpoint):
    folds = run(tmp_path / "folds", checkpoint, fold_seed=1, training={"epochs": 1})
    assert [f["class_names"] for f in folds["folds"]] != [f["class_names"] for f in whole[1]["folds"]]
    seeds = run(tmp_path / "seeds", checkpoint, training={"seed": 1}, folds=1)
    assert seeds["folds"][0]["class_names"] == whole[1]["folds"][0]["class_names"]
    first, second = (load_file(f / "fold_00/adapter/adapter_model.safetensors") for f in (whole[0], tmp_path / "seeds"))
    assert not all(torch.equal(value, second[key]) for key, value in first.items())


def test_the_papers_protocol_says_that_it_chose_on_the_queries(tmp_path, checkpoint):
    figures = run(tmp_path / "run", checkpoint, training={"protocol": "paper"}, folds=2)
    assert figures["selected_on"] == "test set (papers' protocol)"
    assert "best epoch chosen on the test set (papers' protocol)" in (tmp_path / "run/fewshot.md").read_text()
    for fold in figures["folds"]:
        rows = list(csv.DictReader((tmp_path / f"run/fold_{fold['fold']:02d}/metrics.csv").open()))
        assert fold["accuracy"] == max(float(row["selection_accuracy"]) for row in rows)


def test_a_validation_split_may_be_wanted(tmp_path, checkpoint):
    recipe = evaluation(tmp_path / "run", checkpoint, training={"protocol": "validation"}, folds=1)
    recipe["data"]["validation_fraction"] = 0.25
    figures = run_folds(from_mapping(FewShotRecipe, recipe))
    assert figures["selected_on"] == "validation split"


def test_torchrun_is_refused(tmp_path, checkpoint, monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    with pytest.raises(ConfigError, match=r"use --training\.devices"):
        run(tmp_path / "run", checkpoint)
