"""Folders of files: both layouts, the hashed split, class names, and what a folder can get wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import one_line, write_class_folders, write_cloud
from pointlora.data.datasets.folder import FolderDataset
from pointlora.errors import ConfigError, DataError


def test_class_folders_are_split_by_hash(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"pipe": 10, "bolt": 5, "nut": 1})
    train, test, both = (FolderDataset(tmp_path, split) for split in ("train", "test", "all"))
    assert both.class_names == ("bolt", "nut", "pipe")
    assert both.class_counts().tolist() == [5, 1, 10]
    assert test.class_counts().tolist() == [1, 0, 2]
    assert train.class_counts().tolist() == [4, 1, 8]
    assert sorted([*train.sources, *test.sources]) == sorted(both.sources)
    for index, source in enumerate(both.sources):
        assert both.class_names[both.labels[index]] == Path(source).parent.name
        assert both.cloud(index)[0, 0] == int(Path(source).stem[-2:])
    assert both.cloud(0).dtype == np.float32


def test_split_is_the_same_elsewhere_and_moves_with_the_seed(tmp_path: Path) -> None:
    roots = [write_class_folders(tmp_path / name, {"pipe": 20}) for name in ("one", "two")]
    chosen = [[Path(source).name for source in FolderDataset(root, "test").sources] for root in roots]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 4
    other = [Path(source).name for source in FolderDataset(roots[0], "test", split_seed=1).sources]
    assert other != chosen[0]
    assert len(FolderDataset(roots[0], "test", test_fraction=0.5)) == 10


def test_split_folders(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", {"bolt": 3, "nut": 2})
    write_class_folders(tmp_path / "test", {"nut": 1})
    train, test, both = (FolderDataset(tmp_path, split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(both)) == (5, 1, 6)
    assert test.class_names == train.class_names == ("bolt", "nut")
    assert test.labels.tolist() == [1]
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "validation")
    one_line(error.value, tmp_path / "validation", "no such folder", "train, test")


def test_unknown_class_in_the_test_part(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", {"bolt": 1, "washer": 1})
    write_class_folders(tmp_path / "test", {"wacher": 1})
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "test")
    one_line(error.value, tmp_path / "test" / "wacher", "unknown class 'wacher': did you mean 'washer'?")


def test_given_class_names_set_the_label_order(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"bolt": 2, "nut": 2})
    dataset = FolderDataset(tmp_path, "all", class_names=["nut", "rivet", "bolt"])
    assert dataset.labels.tolist() == [0, 0, 2, 2]
    assert dataset.class_counts().tolist() == [2, 0, 2]
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "all", class_names=["nut", "bolts"])
    one_line(error.value, tmp_path / "bolt", "did you mean 'bolts'?")
    with pytest.raises(DataError, match="occurs more than once"):
        FolderDataset(tmp_path, "all", class_names=["nut", "nut"])


def test_hidden_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"bolt": 2, "__MACOSX": 1, ".cache": 1})
    (tmp_path / "bolt" / "readme.pdf").write_text("x")
    (tmp_path / "bolt" / "._bolt_00.txt").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    write_cloud(tmp_path / "bolt" / "UPPER.TXT", np.zeros((4, 3)) + np.arange(4)[:, None])
    dataset = FolderDataset(tmp_path, "all")
    assert dataset.class_names == ("bolt",)
    assert [Path(source).name for source in dataset.sources] == ["UPPER.TXT", "bolt_00.txt", "bolt_01.txt"]


def test_meshes_are_sampled_alike_each_time(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "a.off").write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    dataset = FolderDataset(tmp_path, "all", mesh_samples=50)
    assert dataset.cloud(0).shape == (50, 3)
    np.testing.assert_array_equal(dataset.cloud(0), FolderDataset(tmp_path, "all", mesh_samples=50).cloud(0))


def test_cache_is_bounded(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"bolt": 5}, size=100)  # 1200 bytes a cloud
    dataset = FolderDataset(tmp_path, "all", cache_megabytes=0.003)
    kept = [dataset.cloud(index) for index in range(5)]
    assert [dataset.cloud(index) is kept[index] for index in range(5)] == [True, True, False, False, False]


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path / "gone")
    one_line(error.value, tmp_path / "gone", "<root>/<class>/<file>")
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path)
    one_line(error.value, tmp_path, "holds no class folder")
    (tmp_path / "bolt").mkdir()
    (tmp_path / "bolt" / "a.pdf").write_text("x")
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path)
    one_line(error.value, tmp_path / "bolt", "holds no point-cloud file", ".ply")
    file = write_cloud(tmp_path / "bolt" / "a.txt", np.zeros((2, 3)))
    with pytest.raises(DataError) as error:
        FolderDataset(file)
    one_line(error.value, file, "is a file")
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "test")
    one_line(error.value, tmp_path, "test part is empty")
    with pytest.raises(DataError, match="no such folder"):
        FolderDataset(tmp_path, "validation")
    with pytest.raises(ConfigError, match="did you mean 'train'"):
        FolderDataset(tmp_path, "trian")
    for options in ({"test_fraction": -0.1}, {"cache_megabytes": -1}, {"mesh_samples": 0}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            FolderDataset(tmp_path, **options)
