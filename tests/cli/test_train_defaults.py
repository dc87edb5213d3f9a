import json

import numpy as np
import pytest

from command_line import error_of
from pointlora.cli.main import main
from pointlora.cli.train_defaults import for_few_labels, with_defaults
from pointlora.errors import ConfigError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe


def options(words, say=lambda line: None):
    made = with_defaults(words, say)
    return dict(zip(made[::2], made[1::2], strict=True))


def test_a_folder_is_all_it_needs(tmp_path):
    said = []
    found = options(["--data.root", str(tmp_path), "--output", "runs/mine"], said.append)
    assert found["--method.name"] == "pointlora-plus"
    assert found["--data.name"] == "folder"
    assert (found["--model.name"], found["--model.checkpoint"]) == ("point_mae_tiny", "pretrained")
    assert (found["--data.num_points"], found["--data.up_axis"]) == ("1024", "z")
    assert len(said) == 1
    assert "backbone in the package" in said[0]


def test_what_is_said_counts(tmp_path):
    words = ["--data.root", str(tmp_path), "--data.name", "shards", "--method.name", "lora", "--optimizer.lr", "0.1"]
    found = options(words)
    assert found["--data.name"] == "shards"
    assert found["--method.name"] == "lora"
    assert found["--optimizer.lr"] == "0.1"
    assert "--training.epochs" not in found
    assert "--model.checkpoint" not in options(["--model.name", "point_mae"])
    assert "--model.name" not in options(["--method.name", "scratch"])


def test_a_recipe_is_left_alone():
    assert with_defaults(["tiny_pointlora", "--training.epochs", "3"]) == ["tiny_pointlora", "--training.epochs", "3"]


def test_random_weights_are_not_frozen_without_a_word():
    recipe = from_mapping(TrainRecipe, {"method": {"name": "lora"}})
    with pytest.raises(ConfigError, match="would leave random weights as they are"):
        for_few_labels(recipe, ["--model.name", "point_mae"])
    assert for_few_labels(recipe, ["--model.checkpoint", "null"]) == recipe
    full = from_mapping(TrainRecipe, {"method": {"name": "full"}})
    assert for_few_labels(full, ["--model.name", "point_mae"]) == full


def test_random_weights_end_with_one_line(capsys):
    assert main(["train", "--model.name", "point_mae", "--method.name", "lora"]) == 2
    assert "model.checkpoint is missing" in error_of(capsys)


def write_scans(folder, classes=4, each=10):
    random = np.random.default_rng(0)
    for label in range(classes):
        (folder / f"class_{label}").mkdir(parents=True)
        for number in range(each):
            points = random.standard_normal((1100, 3)) * np.array([1, 1 + label, 1 / (1 + label)])
            np.savetxt(folder / f"class_{label}" / f"{number}.xyz", points, fmt="%.3f")


def test_few_labels_are_cut_into_folds(tmp_path):
    """A fold of a head that starts as a probe ends early: it can do no worse than that."""
    write_scans(tmp_path, classes=2, each=4)
    made = {
        "data": {"name": "folder", "root": str(tmp_path)},
        "model": {"name": "point_mae_tiny", "checkpoint": "pretrained"},
    }
    said = []
    found = {
        name: for_few_labels(from_mapping(TrainRecipe, made | {"method": {"name": name}}), words, said.append).training
        for name, words in (
            ("pointlora-plus", ["--training", "{epochs: 4}"]),
            ("probe", ["--training.patience", "null"]),
            ("lora", []),
        )
    }
    assert {one.protocol for one in found.values()} == {"k_fold"}
    assert {name: one.patience for name, one in found.items()} == {"pointlora-plus": 3, "probe": None, "lora": None}
    recipe = from_mapping(TrainRecipe, made | {"method": {"name": "probe"}})
    assert for_few_labels(recipe, ["--training", "{patience: null}"], said.append).training.patience is None
    assert for_few_labels(recipe, ["--training", "{protocol: validation}"]) == recipe
    assert said[0].startswith("8 labels are few") or said[0].startswith("6 labels are few")


def test_two_labels_are_too_few_to_hold_any_out(tmp_path):
    write_scans(tmp_path, classes=2, each=2)
    made = {
        "data": {"name": "folder", "root": str(tmp_path), "options": {"test_fraction": 0.5}},
        "model": {"name": "point_mae_tiny", "checkpoint": "pretrained"},
        "method": {"name": "pointlora-plus"},
    }
    said = []
    training = for_few_labels(from_mapping(TrainRecipe, made), [], said.append).training
    assert (training.protocol, training.patience) == ("last", None)
    assert said == ["2 labels are too few to hold any out: training.protocol last takes the last epoch"]


@pytest.mark.slow
def test_forty_scans(tmp_path, capsys):
    write_scans(tmp_path / "scans")
    words = ["--data.root", str(tmp_path / "scans"), "--training.workers", "0", "--data.cache", "off"]
    assert main(["train", *words, "--output", str(tmp_path / "plus")]) == 0
    assert "holding out each of 5 folds once" in capsys.readouterr().err
    assert main(["train", *words, "--method.name", "probe", "--output", str(tmp_path / "probe")]) == 0
    plus, probe = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("plus", "probe"))
    assert plus["accuracy"] >= probe["accuracy"]
