"""The .npz data set: splits, float types, and everything that a file can get wrong."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import clouds, one_line
from pointlora.data.datasets.npz import NpzDataset
from pointlora.errors import ConfigError, DataError

LABELS = np.repeat([0, 1], [20, 10])


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_own_split_and_names(tmp_path: Path) -> None:
    points = clouds(30).astype(np.float16)
    is_test = np.arange(30) % 5 == 0
    path = save(tmp_path / "a.npz", points=points, labels=LABELS[:, None], classes=["gear", "beam"], is_test=is_test)
    train, test, both = (NpzDataset(path, split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(both)) == (24, 6, 30)
    assert test.class_names == ("gear", "beam")
    assert test.labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert test.sources[1] == f"{path}[5]"
    assert test.cloud(1).dtype == np.float32
    np.testing.assert_array_equal(test.cloud(1), points[5].astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_split_made_here_is_stratified(tmp_path: Path, dtype: type) -> None:
    np.savez_compressed(tmp_path / "a.npz", points=clouds(30).astype(dtype), labels=LABELS.astype(np.uint8))
    train, test = (NpzDataset(tmp_path / "a.npz", split) for split in ("train", "test"))
    assert test.class_counts().tolist() == [4, 2]
    assert train.class_counts().tolist() == [16, 8]
    assert not set(train.sources) & set(test.sources)
    assert train.class_names == ("class 0", "class 1")
    quarter = NpzDataset(tmp_path / "a.npz", "test", test_fraction=0.5, split_seed=7)
    assert quarter.class_counts().tolist() == [10, 5]


def test_unlabelled_file_is_all_for_training(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", points=clouds(10))
    dataset = NpzDataset(path)
    assert len(dataset) == 10
    assert not dataset.labelled
    assert dataset.labels.tolist() == [-1] * 10
    assert len(NpzDataset(path, "test", test_fraction=0.2)) == 2
    with pytest.raises(DataError, match="test part is empty"):
        NpzDataset(path, "test")


BAD = {
    "no array 'points'": {"data": clouds(3)},
    "shape (3, 48)": {"points": clouds(3).reshape(3, 48)},
    "shape (3, 16, 2)": {"points": clouds(3)[:, :, :2]},
    "shape (0, 16, 3)": {"points": clouds(3)[:0]},
    "dtype int64": {"points": np.zeros((3, 4, 3), np.int64)},
    "cloud 1 holds NaN": {"points": np.where(np.arange(3)[:, None, None] == 1, np.nan, clouds(3))},
    "label 2 of cloud 1 is out of range (0 ... 1)": {
        "points": clouds(3),
        "labels": np.array([0, 2, 1]),
        "classes": np.array(["a", "b"]),
    },
    "label -1 of cloud 2": {"points": clouds(3), "labels": np.array([0, 2, -1])},
    "'labels' has shape (2,)": {"points": clouds(3), "labels": np.array([0, 1])},
    "'labels' has dtype <U1": {"points": clouds(3), "labels": np.array(["a", "b", "c"])},
    "aren't whole": {"points": clouds(3), "labels": np.array([0, 0.5, 1])},
    "class name 'a' occurs more than once": {"points": clouds(3), "classes": np.array(["a", "a"])},
    "class names have dtype int64": {"points": clouds(3), "classes": np.array([1, 2])},
    "'is_test' has dtype int64": {"points": clouds(3), "is_test": np.array([0, 1, 0])},
    "'is_test' has dtype bool, shape (2,)": {"points": clouds(3), "is_test": np.array([True, False])},
    "Object arrays": {"points": clouds(3), "classes": np.array([{}, {}], dtype=object)},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arrays(tmp_path: Path, message: str) -> None:
    path = save(tmp_path / "bad.npz", **BAD[message])
    with pytest.raises(DataError) as error:
        NpzDataset(path)
    one_line(error.value, path, message)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_damaged_files(tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.npz", points=clouds(30)).read_bytes()
    path = tmp_path / "bad.npz"
    damaged = [b"", b"PK\x03\x04", whole[: len(whole) // 2], _npy(clouds(3)), b"not a zip at all"]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError) as error:
            NpzDataset(path)
        one_line(error.value, path)
    header = _npy(clouds(3))[:128]
    for content in (
        header,
        header.replace(b"(3, 16, 3), }          ", b"(99999999999, 16, 3), }"),
        b"\x93NUMPY\x01\x00",
        b"x",
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("points.npy", content)
        with pytest.raises(DataError) as error:
            NpzDataset(path)
        one_line(error.value, path)


def test_flipped_bytes_never_give_another_exception(tmp_path: Path) -> None:
    content = bytearray(save(tmp_path / "whole.npz", points=clouds(2, 4), labels=np.array([0, 1])).read_bytes())
    generator = np.random.default_rng(0)
    path = tmp_path / "bad.npz"
    failed = 0
    for _ in range(150):
        damaged = bytearray(content)
        for place in generator.integers(0, len(content), 3):
            damaged[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        try:
            NpzDataset(path, "all")
        except DataError as error:
            failed += 1
            one_line(error, path)
    assert failed > 50


def test_missing_and_wrong_places(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        NpzDataset(tmp_path / "none.npz")
    one_line(error.value, tmp_path / "none.npz", "points (n, N, 3)")
    with pytest.raises(DataError) as error:
        NpzDataset(tmp_path)
    one_line(error.value, tmp_path, "is a folder")
    with pytest.raises(DataError, match="needs a root"):
        NpzDataset(None)
    with pytest.raises(ConfigError, match="did you mean 'test'"):
        NpzDataset(tmp_path, "tset")
    with pytest.raises(ConfigError, match="test_fraction"):
        NpzDataset(tmp_path, test_fraction=1.0)
