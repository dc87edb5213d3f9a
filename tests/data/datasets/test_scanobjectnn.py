"""ScanObjectNN's files, and HDF5 files with something wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import clouds, one_line, write_hdf5
from pointlora.data.datasets.scanobjectnn import CLASS_NAMES, ScanObjectNN
from pointlora.errors import ConfigError, DataError

h5py = pytest.importorskip("h5py")


@pytest.mark.parametrize("nested", [False, True])
def test_variants(tmp_path: Path, nested: bool) -> None:
    base = tmp_path / "h5_files" if nested else tmp_path
    files = {
        ("obj_bg", "train"): "main_split/training_objectdataset.h5",
        ("obj_bg", "test"): "main_split/test_objectdataset.h5",
        ("obj_only", "train"): "main_split_nobg/training_objectdataset.h5",
        ("obj_only", "test"): "main_split_nobg/test_objectdataset.h5",
        ("pb_t50_rs", "train"): "main_split/training_objectdataset_augmentedrot_scale75.h5",
        ("pb_t50_rs", "test"): "main_split/test_objectdataset_augmentedrot_scale75.h5",
    }
    for number, file in enumerate(files.values()):
        write_hdf5(base / file, clouds(3 + number, seed=number), np.arange(3 + number) % 15)
    for number, (variant, split) in enumerate(files):
        dataset = ScanObjectNN(tmp_path, split, variant)
        assert len(dataset) == 3 + number
        assert dataset.labels.tolist() == list(range(3 + number))
        assert (dataset.name, dataset.split, len(dataset.class_names)) == ("scanobjectnn", split, 15)
        np.testing.assert_array_equal(dataset.cloud(2), clouds(3 + number, seed=number)[2])
        assert dataset.sources[2] == f"{base / files[variant, split]}[2]"


def test_class_names() -> None:
    assert CLASS_NAMES[0] == "bag"
    assert CLASS_NAMES[4] == "chair"
    assert CLASS_NAMES[14] == "toilet"
    assert len(set(CLASS_NAMES)) == 15


def test_missing_files(tmp_path: Path) -> None:
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError) as error:
            ScanObjectNN(root, "test", "obj_only")
        one_line(error.value, root, "<root>/main_split_nobg/test_objectdataset.h5")
    with pytest.raises(DataError, match="needs a root"):
        ScanObjectNN(None)
    with pytest.raises(ConfigError, match="did you mean 'obj_bg'"):
        ScanObjectNN(tmp_path, variant="objbg")
    with pytest.raises(ConfigError, match="unknown split 'valid'"):
        ScanObjectNN(tmp_path, "valid")


def _file(root: Path) -> Path:
    return root / "main_split" / "training_objectdataset.h5"


@pytest.mark.parametrize(
    ("points", "labels", "names", "message"),
    [
        (clouds(3), np.arange(3), {"data": "points"}, "no array 'data'; it holds: label, points"),
        (clouds(3), np.arange(3), {"label": "labels"}, "no array 'label'"),
        (clouds(3), np.arange(3), {"data": "data/inner"}, "no array 'data'"),
        (clouds(3)[0], np.arange(3), {}, "'data' has shape (16, 3)"),
        (clouds(3)[..., :2], np.arange(3), {}, "'data' has shape (3, 16, 2)"),
        (clouds(3), np.arange(4), {}, "'label' has shape (4,)"),
        (clouds(3), np.array([0, 15, 2]), {}, "label 15 of cloud 1 is out of range (0 ... 14)"),
        (clouds(3), np.array([b"a", b"b", b"c"]), {}, "'label' has dtype"),
        (clouds(3) * np.array([1, 1, np.inf])[:, None, None], np.arange(3), {}, "cloud 2 holds NaN or infinity"),
        (np.zeros((3, 4, 3), np.int32), np.arange(3), {}, "dtype int32"),
    ],
)
def test_wrong_contents(tmp_path: Path, points: np.ndarray, labels: np.ndarray, names: dict, message: str) -> None:
    write_hdf5(_file(tmp_path), points, labels, **names)
    with pytest.raises(DataError) as error:
        ScanObjectNN(tmp_path, variant="obj_bg")
    one_line(error.value, _file(tmp_path), message)


def test_column_labels(tmp_path: Path) -> None:
    write_hdf5(_file(tmp_path), clouds(3).astype(np.float64), np.array([[4], [0], [14]], np.uint8))
    dataset = ScanObjectNN(tmp_path, variant="obj_bg")
    assert dataset.labels.tolist() == [4, 0, 14]
    assert dataset.cloud(0).dtype == np.float32


def test_damaged_files(tmp_path: Path) -> None:
    path = write_hdf5(_file(tmp_path), clouds(20, 64), np.arange(20) % 15)
    content = path.read_bytes()
    for damaged in (b"", b"no HDF5", content[:100], content[: len(content) // 2], content[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(DataError) as error:
            ScanObjectNN(tmp_path, variant="obj_bg")
        one_line(error.value, path)


def test_a_file_that_claims_a_huge_array(tmp_path: Path) -> None:
    path = _file(tmp_path)
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file.create_dataset("data", shape=(10_000_000, 2048, 3), dtype="f4", chunks=(1, 2048, 3))
        file["label"] = np.zeros(3)
    with pytest.raises(DataError) as error:
        ScanObjectNN(tmp_path, variant="obj_bg")
    one_line(error.value, path, "claims 245760000000 bytes")
