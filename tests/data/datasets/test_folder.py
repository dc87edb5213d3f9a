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


def names_of(dataset: FolderDataset) -> list[str]:
    return [str(Path(source).relative_to(Path(source).parents[2])) for source in dataset.sources]


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("training", "testing"), ("TRAIN", "test")])
def test_other_names_of_split_folders(tmp_path: Path, train: str, test: str) -> None:
    write_class_folders(tmp_path / train, {"bolt": 3, "nut": 2})
    write_class_folders(tmp_path / test, {"bolt": 1, "nut": 1})
    write_class_folders(tmp_path / "val", {"nut": 1})
    found = {split: FolderDataset(tmp_path, split) for split in ("train", "test", "validation", "all")}
    assert {split: len(dataset) for split, dataset in found.items()} == {
        "train": 5,
        "test": 2,
        "validation": 1,
        "all": 8,
    }
    assert {dataset.class_names for dataset in found.values()} == {("bolt", "nut")}
    assert all(f"/{train}/" in source for source in found["train"].sources)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"Bus": 2, "Train": 3, "training": 1})
    assert FolderDataset(tmp_path, "all").class_counts().tolist() == [2, 3, 1]


def test_one_split_folder_of_another_name(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "Testing", {"bolt": 2, "nut": 1})
    assert FolderDataset(tmp_path, "test").class_counts().tolist() == [2, 1]


def test_the_better_known_of_two_names_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, count in {"train": 3, "training": 1, "test": 1, "val": 1, "validation": 2}.items():
        write_class_folders(tmp_path / name, {"bolt": count})
    assert [len(FolderDataset(tmp_path, split)) for split in ("train", "validation", "test")] == [3, 2, 1]
    assert f"2 folders that aren't searched (such as {tmp_path}/training)" in capsys.readouterr().err


def test_split_folders_below_those_of_the_classes(tmp_path: Path) -> None:
    for name, count in {"chair": 3, "night_stand": 2}.items():
        write_class_folders(tmp_path / name, {"train": count, "test": 1})
    write_class_folders(tmp_path / "lamp", {"train": 1})
    train, test, both = (FolderDataset(tmp_path, split) for split in ("train", "test", "all"))
    assert train.class_names == test.class_names == both.class_names == ("chair", "lamp", "night_stand")
    assert train.class_counts().tolist() == [3, 1, 2]
    assert test.class_counts().tolist() == [1, 0, 1]
    assert len(both) == 8
    assert names_of(test) == ["chair/test/test_00.txt", "night_stand/test/test_00.txt"]
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "validation")
    one_line(error.value, tmp_path / "chair" / "validation", "beside it: train, test")
    write_class_folders(tmp_path, {"bed": 2})
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "train")
    one_line(error.value, tmp_path / "bed", "holds neither train/ nor test/, as chair/ beside it does")


def test_a_class_folder_with_files_and_a_folder_called_train_is_a_class_folder(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"bolt": 3})
    write_class_folders(tmp_path / "bolt", {"train": 2})
    assert len(FolderDataset(tmp_path, "all")) == 3


def test_classes_from_names(tmp_path: Path) -> None:
    for name in ("chair_0001", "chair_0002", "night_stand_3", "chair_10", "night_stand_04"):
        write_cloud(tmp_path / f"{name}.txt", np.arange(12.0).reshape(4, 3))
    both = FolderDataset(tmp_path, "all", class_from="name")
    assert both.class_names == ("chair", "night_stand")
    assert both.class_counts().tolist() == [3, 2]
    train, test = (FolderDataset(tmp_path, split, class_from="name", test_fraction=0.5) for split in ("train", "test"))
    assert sorted([*train.sources, *test.sources]) == sorted(both.sources)
    assert test.class_counts().tolist() == [2, 1]
    write_cloud(tmp_path / "lamp.txt", np.zeros((4, 3)))
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "all", class_from="name")
    one_line(error.value, tmp_path / "lamp.txt", "is not called <class>_<number>")
    with pytest.raises(ConfigError, match="class_from"):
        FolderDataset(tmp_path, "all", class_from="file")


def test_classes_from_names_in_split_folders(tmp_path: Path) -> None:
    for name in ("train/bolt_1", "train/nut_1", "train/bolt_2", "test/nut_7"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_cloud(tmp_path / f"{name}.txt", np.zeros((4, 3)))
    train, test = (FolderDataset(tmp_path, split, class_from="name") for split in ("train", "test"))
    assert (train.class_counts().tolist(), test.class_counts().tolist()) == ([2, 1], [0, 1])
    write_cloud(tmp_path / "test" / "screw_1.txt", np.zeros((4, 3)))
    with pytest.raises(DataError, match="unknown class 'screw'"):
        FolderDataset(tmp_path, "test", class_from="name")


def test_a_test_folder_may_lack_a_class_or_its_files(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", {"bolt": 2, "nut": 2})
    write_class_folders(tmp_path / "test", {"nut": 1})
    (tmp_path / "test" / "bolt").mkdir()
    assert FolderDataset(tmp_path, "test").class_counts().tolist() == [0, 1]
    (tmp_path / "train" / "screw").mkdir()
    with pytest.raises(DataError, match="screw: holds no point-cloud file"):
        FolderDataset(tmp_path, "train")


def test_what_is_passed_over_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_class_folders(tmp_path, {"bolt": 5, "nut": 5})
    for name in ("bolt/a.pdf", "bolt/b.pdf", "nut/c.docx", "nut/README", ".hidden"):
        (tmp_path / name).write_text("x")
    (tmp_path / "nut" / "gone.ply").symlink_to(tmp_path / "nowhere.ply")
    (tmp_path / "nut" / "loop.ply").symlink_to(tmp_path / "nut" / "loop.ply")
    (tmp_path / "nut" / "a").symlink_to(tmp_path / "nut" / "b")
    (tmp_path / "nut" / "b").symlink_to(tmp_path / "nut" / "a")
    (tmp_path / "nut" / "more").mkdir()
    (tmp_path / "loose.txt").write_text("0 0 0\n")
    for split in ("train", "test", "all"):
        FolderDataset(tmp_path, split)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{tmp_path}: passed over 4 files of unsupported kinds (.pdf 2, no suffix 1, .docx 1; such as "
        f"{tmp_path}/bolt/a.pdf), 4 broken links (such as {tmp_path}/nut/a), 1 folder that isn't searched (such "
        f"as {tmp_path}/nut/more), 1 file beside the folders that are searched (such as {tmp_path}/loose.txt)"
    )


def test_nothing_is_said_where_everything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_class_folders(tmp_path / "train", {"bolt": 2})
    write_class_folders(tmp_path / "test", {"bolt": 2})
    FolderDataset(tmp_path, "all")
    assert capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    write_class_folders(tmp_path, {"bolt": 2, "nut": 2})
    scandir = os.scandir

    def closed(path: object) -> object:
        if str(path).endswith("nut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError) as error:
        FolderDataset(tmp_path, "train")
    one_line(error.value, tmp_path / "nut", "cannot be read: Permission denied")
