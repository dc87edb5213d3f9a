"""Few-shot folds in files: pickles as the public ones, and what they are converted to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_layouts import one_line
from fewshot_files import SIZE, samples, write_fold
from pointlora.data import open_dataset
from pointlora.data.datasets.fewshot_files import convert_folds
from pointlora.errors import ConfigError, DataError


def open_fold(root: Path, split: str = "train", **options: Any) -> Any:
    return open_dataset("fewshot_files", root, split, **({"ways": 3, "shots": 2} | options))


@pytest.mark.parametrize("folder", ["", "ModelNetFewshot"])
def test_the_public_layout(tmp_path: Path, folder: str) -> None:
    content = write_fold(tmp_path / folder / "3way_2shot" / "4.pkl")
    support, query = (open_fold(tmp_path, split, fold=4) for split in ("train", "test"))
    assert support.class_names == query.class_names == ("chair", "lamp", "sofa")
    assert (support.class_counts().tolist(), query.class_counts().tolist()) == ([2] * 3, [4] * 3)
    for part, split in ((support, "train"), (query, "test")):
        assert part.name == "fewshot_files"
        for index, (points, label, name) in enumerate(content[split]):
            np.testing.assert_array_equal(part.cloud(index), points[:, :3])
            assert part.class_names[part.labels[index]] == name
            assert {8: 0, 19: 1, 30: 2}[int(label)] == part.labels[index]
        assert part.cloud(0).dtype == np.float32
        assert "4.pkl" in part.sources[0]


def test_converting_gives_the_same_data_set(tmp_path: Path) -> None:
    write_fold(tmp_path / "old" / "3way_2shot" / "0.pkl")
    write_fold(tmp_path / "old" / "3way_2shot" / "1.pkl", seed=1)
    written = convert_folds(tmp_path / "old", tmp_path / "new")
    assert [str(path.relative_to(tmp_path)) for path in written] == [f"new/3way_2shot/{n}.npz" for n in (0, 1)]
    for number in (0, 1):
        for split in ("train", "test"):
            before, after = (open_fold(tmp_path / name, split, fold=number) for name in ("old", "new"))
            assert before.class_names == after.class_names
            assert before.labels.tolist() == after.labels.tolist()
            for index in range(len(before)):
                np.testing.assert_array_equal(before.cloud(index), after.cloud(index))
    whole = open_dataset("npz", tmp_path / "new/3way_2shot/0.npz", "all")
    assert len(whole) == 18
    stamp = written[0].stat().st_mtime_ns
    written[1].unlink()
    assert convert_folds(tmp_path / "old", tmp_path / "new") == written  # goes on; what is there stays
    assert written[0].stat().st_mtime_ns == stamp
    single = convert_folds(tmp_path / "old" / "3way_2shot" / "0.pkl", tmp_path / "single.npz")[0]
    assert single.read_bytes() == written[0].read_bytes()


@pytest.mark.parametrize("form", ["integer", "numpy integer", "array", "no names", "object names", "bytes"])
def test_labels_and_names_in_every_form(tmp_path: Path, form: str) -> None:
    def changed(sample: tuple[Any, int, str], number: int) -> tuple[Any, ...]:
        points, label, name = sample
        return {
            "integer": (points, label, label),
            "numpy integer": (points, np.int64(label), name),
            "array": (points, np.array([label], np.int32), np.array([label])),
            "no names": (points, label),
            "object names": (points, label, f"{name}_{number}"),
            "bytes": (points, label, name.encode()),
        }[form]

    content = {
        part: [changed(sample, n) for n, sample in enumerate(samples(count))]
        for part, count in (("train", 2), ("test", 4))
    }
    write_fold(tmp_path / "3way_2shot" / "0.pkl", content)
    support = open_fold(tmp_path)
    names = ("chair", "lamp", "sofa") if form in ("numpy integer", "bytes") else ("class 8", "class 19", "class 30")
    assert support.class_names == names
    assert support.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_payload_is_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "crater"),)

    content: dict[str, Any] = {"train": [*samples(2), Bomb()], "test": samples(4)}
    path = write_fold(tmp_path / "3way_2shot" / "0.pkl", content)
    for attempt in (lambda: open_fold(tmp_path), lambda: convert_folds(path, tmp_path / "safe.npz")):
        with pytest.raises(DataError) as error:
            attempt()
        one_line(error.value, "0.pkl", "refused without running it", "mkdir")
    assert not (tmp_path / "crater").exists()
    assert not (tmp_path / "safe.npz").exists()


POINTS = np.zeros((SIZE, 3), np.float32)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ([1], "no lists 'train' and 'test'"),
        ({"train": samples(2)}, "no lists"),
        ({"train": samples(2), "test": []}, "empty"),
        ({"train": [(1,)], "test": [(1,)]}, "entry 0 isn't (points, label, name)"),
        ({"train": [(POINTS.tolist(), 0, "a")], "test": samples(1)}, "points of its entry 0"),
        ({"train": [(POINTS[:, :2], 0, "a")], "test": samples(1)}, "points of its entry 0"),
        ({"train": samples(2), "test": [(POINTS, 0.5, "a")]}, "label of its entry 6"),
        ({"train": samples(2), "test": [(POINTS, -1, "a")]}, "label of its entry 6"),
        ({"train": samples(2), "test": [(POINTS, 5, "a")]}, "isn't in its training part"),
        ({"train": samples(2), "test": [(POINTS[1:], 8, "a")]}, "different sizes"),
        ({"train": samples(2), "test": [(POINTS * np.nan, 8, "chair")]}, "NaN"),
        ({"train": samples(3), "test": samples(1)}, "holds [3, 3, 3] training clouds"),
        ({"train": samples(2)[:5], "test": samples(1)}, "holds [2, 2, 1] training clouds"),
    ],
)
def test_pickles_that_are_no_folds(tmp_path: Path, content: Any, word: str) -> None:
    path = write_fold(tmp_path / "3way_2shot" / "0.pkl", content)
    with pytest.raises(DataError) as error:
        open_fold(tmp_path)
    one_line(error.value, path, word)


def test_what_is_missing_or_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "3way_2shot" / "0.pkl"
    write_fold(path)
    with pytest.raises(DataError) as error:
        open_fold(tmp_path, fold=7)
    one_line(error.value, tmp_path / "3way_2shot" / "7.npz", "expects <root>/5way_10shot/0.npz (or 0.pkl)")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"0\.pkl: .*damaged"):
        open_fold(tmp_path)
    with pytest.raises(ConfigError, match=r"name it .*out\.npz"):
        convert_folds(path, tmp_path / "out.txt")
    (tmp_path / "there.npz").write_bytes(b"")
    with pytest.raises(ConfigError, match="already exists"):
        convert_folds(path, tmp_path / "there.npz")
    with pytest.raises(ConfigError, match="is a file"):
        convert_folds(tmp_path, tmp_path / "there.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.pkl file in it"):
        convert_folds(tmp_path / "empty", tmp_path / "new")
    with pytest.raises(DataError, match="no such file"):
        convert_folds(tmp_path / "gone.pkl", tmp_path / "new.npz")


def test_pickles_are_only_opened_by_the_safe_reader() -> None:
    """No module of the library calls `pickle.load`, or lets NumPy do so."""
    found = []
    for path in (Path(__file__).parents[3] / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "pickle.load" in text or "allow_pickle=True" in text or "weights_only=False" in text:
            found.append(path.name)
    assert found == []
