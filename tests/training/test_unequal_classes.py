"""Classes that occur unequally often, one class alone, adapters of one's own as a start, and more epochs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pointlora.adapters.state import from_file_key
from pointlora.data.orders import balanced_order
from pointlora.data.sampling import EpochBatchSampler
from pointlora.errors import AdapterError, ConfigError, DataError
from pointlora.models.weight_files import read_weights
from pointlora.procedural import generate_shape
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.fit import fine_tune
from pointlora.training.run_folder import RunFolder
from training_runs import differences, tiny_recipe


def train(recipe: dict[str, Any]) -> dict[str, Any]:
    return fine_tune(from_mapping(TrainRecipe, recipe))


def unequal(path: Path, counts: dict[str, int], test: int = 4) -> Path:
    """Procedural shapes in an .npz file, so many of each class for training."""
    names = [name for name, count in counts.items() for _ in range(count + test)]
    is_test = np.concatenate([np.arange(count + test) >= count for count in counts.values()])
    points = np.stack([generate_shape(name, number, num_points=128).points for number, name in enumerate(names)])
    labels = np.array([list(counts).index(name) for name in names])
    np.savez(path, points=points, labels=labels, classes=list(counts), is_test=is_test)
    return path


def of_file(recipe: dict[str, Any], path: Path, **data: Any) -> dict[str, Any]:
    return recipe | {"data": {"name": "npz", "root": str(path), "num_points": 128, **data}}


def test_balanced_orders() -> None:
    classes = np.repeat([0, 1, 2], [40, 3, 7])
    orders = [EpochBatchSampler(50, 8, seed=3, balance=classes).order(epoch) for epoch in (0, 1, 0)]
    assert np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[1])
    for order in orders:
        counts = np.bincount(classes[order])
        assert counts.sum() == 50
        assert counts.max() - counts.min() <= 1
        # All of a class before one of it again.
        assert np.bincount(order, minlength=50)[40:43].min() >= 5
        assert np.bincount(order, minlength=50)[:40].max() == 1
    assert sorted(balanced_order(np.random.default_rng(0), np.arange(5) % 1).tolist()) == [0, 1, 2, 3, 4]


def test_a_line_about_unequal_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = unequal(tmp_path / "a.npz", {"chair": 20, "mug": 4})
    recipe = of_file(tiny_recipe(tmp_path / "run", epochs=1, protocol="last"), path)
    natural = train(recipe)
    line = "unbalanced: 20 of 'chair', 4 of 'mug'; training.class_weights balanced (or sqrt) or data.sampling balanced"
    assert line in capsys.readouterr().err
    found = []
    for number, (data, run) in enumerate(
        [
            ({"sampling": "balanced"}, {}),
            ({}, {"class_weights": "balanced"}),
            ({}, {"class_weights": [1.0, 9.0]}),  # balanced would be 1 to 5
            ({}, {"focal_gamma": 2.0}),
        ]
    ):
        changed = tiny_recipe(tmp_path / str(number), epochs=1, protocol="last", **run)
        found.append(train(of_file(changed, path, **data)))
        assert "unbalanced" not in capsys.readouterr().err
    weights = [read_weights(Path(each["recipe"]["output"]) / "adapter/adapter_model.safetensors")[0] for each in found]
    weights.append(read_weights(Path(natural["recipe"]["output"]) / "adapter/adapter_model.safetensors")[0])
    key = next(key for key in weights[0] if from_file_key(key) == "head.8.bias")
    assert len({tuple(each[key].tolist()) for each in weights}) == 5  # each of them changed what was learned
    with pytest.raises(ConfigError, match="has 3 numbers, but the data has 2 classes"):
        train(of_file(tiny_recipe(tmp_path / "wrong", class_weights=[1.0, 2.0, 3.0]), path))


def test_the_criterion_chooses_the_epoch(tmp_path: Path) -> None:
    results = train(tiny_recipe(tmp_path / "run", epochs=1, criterion="class_mean_accuracy"))
    assert "selection_class_mean_accuracy" in results
    with pytest.raises(ConfigError, match=r"training.criterion.*'instance_miou'"):
        train(tiny_recipe(tmp_path / "other", criterion="instance_miou"))


def test_one_class_is_refused(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path / "run")
    recipe["data"]["options"] |= {"categories": ["mug"]}
    with pytest.raises(DataError, match="every training cloud is of class 'mug': give at least two classes"):
        train(recipe)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_when_it_gets_more_epochs(tmp_path: Path) -> None:
    train(tiny_recipe(tmp_path / "run", epochs=2))
    with pytest.raises(ConfigError, match=r"finished run: raise training.epochs to go on"):
        train(tiny_recipe(tmp_path / "run", epochs=2))
    with pytest.raises(ConfigError, match="finished run"):
        train(tiny_recipe(tmp_path / "run", epochs=1))
    with pytest.raises(ConfigError, match=r"training.seed = 0, not 1"):
        train(tiny_recipe(tmp_path / "run", epochs=3, seed=1))
    assert (tmp_path / "run" / "results.json").exists()
    with pytest.raises(ConfigError, match=r"a finished run with training.epochs = 2, not 3"):
        RunFolder(from_mapping(TrainRecipe, tiny_recipe(tmp_path / "run", epochs=3))).finished()
    results = train(tiny_recipe(tmp_path / "run", epochs=3))
    assert results["epochs"] == 3
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 1 + 3
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 12
    # The schedule is that of three epochs from the third on, so its weights aren't those of a run of three.
    train(tiny_recipe(tmp_path / "whole", epochs=3))
    whole = torch.load(tmp_path / "whole" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["state_dict"].keys() == whole["state_dict"].keys()
    assert differences(last["state_dict"], whole["state_dict"]) != []


def test_a_run_starts_from_an_adapter(tmp_path: Path) -> None:
    train(tiny_recipe(tmp_path / "old", epochs=1, protocol="last"))
    old = json.loads((tmp_path / "old" / "adapter" / "adapter_config.json").read_text())
    recipe = tiny_recipe(tmp_path / "new", epochs=1, protocol="last")
    recipe["data"]["options"] |= {"categories": ["bed", "mug"]}
    recipe["model"]["adapter"] = str(tmp_path / "old")
    recipe["optimizer"] = {"warmup_epochs": 1, "lr": 1e-9, "warmup_lr": 1e-9, "min_lr": 0.0, "weight_decay": 0.0}
    results = train(recipe)
    assert results["class_names"] == ["bed", "mug"]
    first, second = (
        read_weights(tmp_path / name / "adapter" / "adapter_model.safetensors")[0] for name in ("old", "new")
    )
    same = [key for key in first if "lora" in key]
    assert same
    for key in same:
        torch.testing.assert_close(second[key], first[key], atol=1e-6, rtol=0)
    assert old["base_model"]["options"] == {"num_classes": 3}
    recipe["method"] = {"name": "lora", "rank": 2}
    with pytest.raises(AdapterError, match="was made by another method or other settings"):
        train(recipe | {"output": str(tmp_path / "third")})
    recipe["method"] = {"name": "pointlora", "rank": 2}
    recipe["training"]["seed"] = 1  # another random backbone
    with pytest.raises(AdapterError, match="belongs to another backbone"):
        train(recipe | {"output": str(tmp_path / "third")})
