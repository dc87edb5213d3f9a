"""Finished runs that reports are made of; made once, never changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pointlora.data.datasets import open_dataset
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.fit import fine_tune
from report_examples import NAMES
from training_runs import OPTIONS, tiny_parts, tiny_recipe


def write_clouds(path: Path) -> Path:
    """Clouds of three classes whose names a page must show as they are, as one `.npz` data set."""
    parts = [open_dataset("procedural", None, split, **OPTIONS) for split in ("train", "test")]
    np.savez(
        path,
        points=np.stack([part.cloud(index) for part in parts for index in range(len(part))]),
        labels=np.concatenate([part.labels for part in parts]),
        classes=np.array(NAMES[1:4]),
        is_test=np.repeat([False, True], [len(part) for part in parts]),
    )
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier whose best epoch the test set has chosen."""
    folder = tmp_path_factory.mktemp("classified")
    recipe: dict[str, Any] = tiny_recipe(folder / "run", epochs=2, protocol="paper")
    recipe["data"] = {"name": "npz", "root": str(write_clouds(folder / "clouds.npz")), "num_points": 128}
    fine_tune(from_mapping(TrainRecipe, recipe))
    return folder / "run"


@pytest.fixture(scope="session")
def parts_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part segmenter."""
    folder = tmp_path_factory.mktemp("parts")
    fine_tune(from_mapping(TrainRecipe, tiny_parts(folder / "run", epochs=1) | {"optimizer": {"warmup_epochs": 0}}))
    return folder / "run"
