"""Opening data sets by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import clouds, one_line, write_class_folders, write_hdf5
from fewshot_files import write_fold
from pointlora.data import dataset_options, list_datasets, open_dataset, write_shards
from pointlora.data.datasets import PointCloudDataset
from pointlora.errors import ConfigError, DataError


def test_names_and_options() -> None:
    plain = ("scanobjectnn", "modelnet40", "folder", "npz", "shards", "procedural")
    assert list_datasets() == (*plain, "fewshot", "fewshot_files")
    assert dataset_options("scanobjectnn") == {"variant": "pb_t50_rs"}
    with pytest.raises(ConfigError) as error:
        open_dataset("scanobjectn", "somewhere")
    one_line(error.value, "unknown data set 'scanobjectn': did you mean 'scanobjectnn'?", "procedural")
    with pytest.raises(ConfigError) as error:
        open_dataset("scanobjectnn", "somewhere", varaint="obj_bg")
    one_line(error.value, "unknown option of data set 'scanobjectnn' 'varaint': did you mean 'variant'?")


@pytest.mark.parametrize("name", ["scanobjectnn", "modelnet40", "folder", "npz", "shards", "fewshot_files"])
def test_missing_roots_show_the_layout(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError) as error:
        open_dataset(name, tmp_path / "gone")
    one_line(error.value, tmp_path / "gone", name, "expects", "<root>")
    with pytest.raises(DataError) as error:
        open_dataset(name)
    one_line(error.value, name, "needs a root", "<root>")


def test_every_data_set_keeps_the_contract(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "s/main_split/training_objectdataset.h5", clouds(30), np.arange(30) % 15)
    write_hdf5(tmp_path / "m/ply_data_train0.h5", clouds(30), np.arange(30)[:, None] % 3)
    (tmp_path / "m/shape_names.txt").write_text("a\nb\nc\n")
    write_class_folders(tmp_path / "f", {"bolt": 5, "nut": 5})
    np.savez(tmp_path / "n.npz", points=clouds(10), labels=np.arange(10) % 2)
    write_fold(tmp_path / "folds/3way_2shot/0.pkl")
    datasets: list[PointCloudDataset] = [
        open_dataset("scanobjectnn", tmp_path / "s", variant="obj_bg"),
        open_dataset("modelnet40", tmp_path / "m"),
        open_dataset("folder", tmp_path / "f"),
        open_dataset("npz", str(tmp_path / "n.npz")),
        open_dataset("shards", write_shards(tmp_path / "shards", clouds(10), [0, 1] * 5).parent),
        open_dataset("procedural", num_points=32, train_size=40),
        open_dataset("fewshot", tmp_path / "n.npz", source="npz", ways=2, shots=2, queries=1),
        open_dataset("fewshot_files", tmp_path / "folds", ways=3, shots=2),
    ]
    for name, dataset in zip(list_datasets(), datasets, strict=True):
        assert (dataset.name, dataset.split) == (name, "train")
        assert dataset.labels.dtype == np.int64
        assert len(dataset) == len(dataset.labels) == len(dataset.sources)
        assert dataset.labels.max() < len(dataset.class_names)
        cloud = dataset.cloud(len(dataset) - 1)
        assert cloud.dtype == np.float32
        assert cloud.ndim == 2
        assert cloud.shape[1] == 3
        np.testing.assert_array_equal(cloud, dataset.cloud(len(dataset) - 1))
        assert str(len(dataset)) in repr(dataset)


def test_label_fraction_concerns_training_only(tmp_path: Path) -> None:
    path = tmp_path / "n.npz"
    np.savez(path, points=clouds(100), labels=np.repeat([0, 1], [80, 20]), is_test=np.arange(100) % 4 == 0)
    assert open_dataset("npz", path, label_fraction=0.1).class_counts().tolist() == [6, 2]
    assert len(open_dataset("npz", path, "test", label_fraction=0.1)) == 25
    first, same, other = (open_dataset("npz", path, label_fraction=0.1, label_seed=seed).sources for seed in (0, 0, 1))
    assert list(first) == list(same)
    assert list(first) != list(other)


def test_names_and_configuration_dont_import_torch() -> None:
    code = (
        "import sys, pointlora.data, pointlora.data.transforms, pointlora.data.datasets.registry as r; "
        "pointlora.data.TransformConfig(); r.list_datasets(); sys.exit('torch' in sys.modules or 'h5py' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
