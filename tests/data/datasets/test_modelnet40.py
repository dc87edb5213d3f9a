"""ModelNet40's two forms on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import clouds, one_line, write_hdf5
from pointlora.data.datasets.modelnet40 import open_modelnet40
from pointlora.errors import ConfigError, DataError

CLASSES = ("airplane", "night_stand", "tv_stand")


def write_text_form(root: Path) -> dict[str, np.ndarray]:
    root.mkdir(exist_ok=True)
    (root / "modelnet40_shape_names.txt").write_text("\n".join(CLASSES) + "\n")
    shapes = {"train": ["tv_stand_0001", "airplane_0001", "night_stand_0002"], "test": ["night_stand_0100"]}
    points = {}
    for split, names in shapes.items():
        (root / f"modelnet40_{split}.txt").write_text("\n".join(names) + "\n\n")
        for number, name in enumerate(names):
            points[name] = clouds(1, 20, seed=number)[0]
            folder = root / name.rpartition("_")[0]
            folder.mkdir(exist_ok=True)
            rows = np.hstack([points[name], np.ones((20, 3))])
            np.savetxt(folder / f"{name}.txt", rows, fmt="%.7f", delimiter=",")
    return points


@pytest.mark.parametrize("folder", ["", "modelnet40_normal_resampled"])
def test_text_form(tmp_path: Path, folder: str) -> None:
    points = write_text_form(tmp_path / folder)
    train, test = open_modelnet40(tmp_path, "train"), open_modelnet40(tmp_path, "test")
    assert train.class_names == CLASSES
    assert train.labels.tolist() == [2, 0, 1]
    assert test.labels.tolist() == [1]
    assert train.cloud(1).shape == (20, 3)
    np.testing.assert_allclose(train.cloud(1), points["airplane_0001"], atol=1e-6)
    assert train.sources[0].endswith("tv_stand/tv_stand_0001.txt")


def test_text_form_is_read_lazily_and_cached_on_request(tmp_path: Path) -> None:
    write_text_form(tmp_path)
    cached, uncached = open_modelnet40(tmp_path, cache_megabytes=1), open_modelnet40(tmp_path)
    first = cached.cloud(0)
    (tmp_path / "tv_stand" / "tv_stand_0001.txt").unlink()
    assert cached.cloud(0) is first
    with pytest.raises(DataError) as error:
        uncached.cloud(0)
    one_line(error.value, "tv_stand_0001.txt")


def test_unknown_class_in_a_list(tmp_path: Path) -> None:
    write_text_form(tmp_path)
    (tmp_path / "modelnet40_test.txt").write_text("night_stnd_0100\n")
    with pytest.raises(DataError) as error:
        open_modelnet40(tmp_path, "test")
    one_line(error.value, tmp_path / "modelnet40_test.txt", "night_stnd_0100", "did you mean 'night_stand'?")


@pytest.mark.parametrize("listed", [True, False])
def test_hdf5_form(tmp_path: Path, listed: bool) -> None:
    root = tmp_path / "modelnet40_ply_hdf5_2048"
    for number in range(2):
        write_hdf5(root / f"ply_data_train{number}.h5", clouds(2, seed=number), np.array([[number], [2]]))
    write_hdf5(root / "ply_data_test0.h5", clouds(1, seed=9), np.array([[1]], np.uint8))
    (root / "shape_names.txt").write_text("\n".join(CLASSES))
    if listed:
        names = [f"data/modelnet40_ply_hdf5_2048/ply_data_train{number}.h5" for number in (1, 0)]
        (root / "train_files.txt").write_text("\n".join(names))
    train, test = open_modelnet40(tmp_path, "train"), open_modelnet40(root, "test")
    assert train.labels.tolist() == ([1, 2, 0, 2] if listed else [0, 2, 1, 2])
    np.testing.assert_array_equal(train.cloud(1), clouds(2, seed=1 if listed else 0)[1])
    np.testing.assert_array_equal(test.cloud(0), clouds(1, seed=9)[0])
    assert train.class_names == CLASSES


def test_listed_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "shape_names.txt").write_text("\n".join(CLASSES))
    (tmp_path / "train_files.txt").write_text("data/ply_data_train0.h5")
    with pytest.raises(DataError) as error:
        open_modelnet40(tmp_path)
    one_line(error.value, tmp_path / "ply_data_train0.h5", "no such file")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        open_modelnet40(tmp_path)
    one_line(error.value, tmp_path, "modelnet40_shape_names.txt", "ply_data_train0.h5")
    with pytest.raises(DataError) as error:
        open_modelnet40(tmp_path / "gone")
    one_line(error.value, tmp_path / "gone", "ply_data_train0.h5")
    write_hdf5(tmp_path / "ply_data_train0.h5", clouds(1), np.array([0]))
    with pytest.raises(DataError) as error:
        open_modelnet40(tmp_path)
    one_line(error.value, tmp_path / "shape_names.txt", "cannot be read")
    (tmp_path / "shape_names.txt").write_text("\n \n")
    with pytest.raises(DataError, match="holds no line"):
        open_modelnet40(tmp_path)
    (tmp_path / "shape_names.txt").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(DataError, match="not a UTF-8 text file"):
        open_modelnet40(tmp_path)
    with pytest.raises(ConfigError, match="unknown split"):
        open_modelnet40(tmp_path, "validation")
