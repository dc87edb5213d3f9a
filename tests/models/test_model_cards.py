"""The weights in the package: the command of their card makes them, and they are worth having."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pointlora.models.pretrained import FOLDER, SHA256
from pointlora.recipes.files import find_recipe, from_mapping, read_mapping
from pointlora.recipes.parts import DataConfig, ModelConfig
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.optimizer import learning_rate
from pointlora.training.probe import probe_backbone

NAME = "point_mae_tiny"
# Version -> recipe.
RECIPES = {1: f"{NAME}_pretrained", 2: f"{NAME}_pretrained_2"}
EPOCHS = 1  # a few percent of a run; some minutes on a CPU


def test_every_version_has_a_recipe_and_the_card_its_command():
    assert RECIPES.keys() == SHA256[NAME].keys()
    card = (FOLDER / f"{NAME}.md").read_text(encoding="utf-8")
    assert all(f"pointlora pretrain {recipe} " in card for recipe in RECIPES.values())


def ldraw(file: str) -> Path:
    """A file of the corpus, which is not part of the project."""
    folder = os.environ.get("POINTLORA_LDRAW")
    if folder is None or not (Path(folder) / file).is_file():
        pytest.skip(f"set POINTLORA_LDRAW to the folder that holds {file}")
    return Path(folder) / file


def rows(path: Path) -> list[dict[str, float]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("version", RECIPES)
def test_the_recorded_curve_is_that_of_the_recipe(version):
    recipe = from_mapping(PretrainRecipe, read_mapping(find_recipe(RECIPES[version])))
    curve = rows(FOLDER / f"{NAME}@{version}.csv")
    assert len(curve) == recipe.training.epochs
    steps = (recipe.training.samples_per_epoch or 0) // recipe.training.batch_size
    assert all(row["steps"] == steps for row in curve)
    expected = [learning_rate(epoch, len(curve), recipe.optimizer) for epoch in range(len(curve))]
    assert [row["lr"] for row in curve] == pytest.approx(expected)
    assert curve[-1]["reconstruction"] < 0.5 * curve[0]["reconstruction"]


@pytest.mark.slow
@pytest.mark.parametrize("version", RECIPES)
def test_the_command_of_the_card_follows_the_recorded_curve(tmp_path, version):
    corpus, run = ldraw("ldraw_pretrain.npz"), tmp_path / "run"
    words = ["pretrain", RECIPES[version], "--corpus.root", str(corpus), "--output", str(run)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "pointlora.cli.main", *words], stdout=log, stderr=log)
        while len(found := rows(run / "metrics.csv")) < EPOCHS:
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    for now, then in zip(found, rows(FOLDER / f"{NAME}@{version}.csv"), strict=False):
        for name in ("train_loss", "reconstruction", "contrast", "category"):
            assert now[name] == pytest.approx(then[name], rel=0.1), (now["epoch"], name)


@pytest.mark.slow
def test_a_linear_probe_beats_random_weights_by_ten_points():
    data = DataConfig("npz", root=str(ldraw("ldraw_classify.npz")), num_points=1024, up_axis="z")
    trained, random = (
        probe_backbone(ModelConfig(NAME, checkpoint), data).test.accuracy for checkpoint in ("pretrained", None)
    )
    assert trained > random + 0.1
