"""Bad data through the real commands: one line that names the file or value, exit code 2, nothing written."""

import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from file_samples import SAMPLES, write_sample
from pointlora.cli.main import main
from pointlora.data.files import write_ply
from training_runs import tiny_recipe

CLASSES = ["ant", "bee"]


def clouds(count: int = 12, size: int = 160) -> np.ndarray:
    """Clouds of two kinds: balls, and flat discs."""
    points = np.random.default_rng(0).standard_normal((count, size, 3)).astype(np.float32)
    points[count // 2 :, :, 2] *= 0.05
    return points


def write_npz(path: Path, **changes: object) -> Path:
    arrays = {
        "points": clouds(),
        "labels": np.repeat([0, 1], 6),
        "classes": np.array(CLASSES),
        "is_test": np.arange(12) % 6 == 5,
    }
    np.savez(path, **{**arrays, **changes})
    return path


def write_folder(root: Path) -> Path:
    for number, points in enumerate(clouds()):
        split = "test" if number % 6 == 5 else "train"
        folder = root / split / CLASSES[number // 6]
        folder.mkdir(parents=True, exist_ok=True)
        write_ply(folder / f"{number:02}.ply", points)
    return root


def train(folder: Path, *words: str) -> int:
    recipe = tiny_recipe(folder / "run", epochs=2)
    recipe["data"] = {"name": "npz", "num_points": 128, "validation_fraction": 0.4}
    recipe["training"]["batch_size"] = 4
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return main(["train", str(folder / "recipe.yaml"), *words])


def check_refused(code: int, captured: pytest.CaptureFixture[str], *expected: str) -> None:
    lines = [line for line in captured.readouterr().err.splitlines() if line]
    assert code == 2
    assert len(lines) == 1, lines
    assert lines[0].startswith("pointlora: error: ")
    for text in expected:
        assert text in lines[0]


def with_value(value: float) -> np.ndarray:
    points = clouds()
    points[3, 7, 1] = value
    return points


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"points": with_value(np.nan)}, "set.npz"),
        ({"points": with_value(np.inf)}, "set.npz"),
        ({"points": clouds(size=7)}, "7 points"),
        ({"points": clouds().astype("U8")}, "set.npz"),
        ({"points": clouds()[..., :2]}, "set.npz"),
        ({"points": np.array([None, 1], dtype=object)}, "set.npz"),
        ({"labels": np.repeat([0, 9], 6)}, "9"),
        ({"labels": np.repeat([0, -3], 6)}, "-3"),
        ({"labels": np.repeat([0.5, 1.5], 6)}, "labels"),
        ({"labels": np.zeros(5, dtype=int)}, "labels"),
    ],
    ids=["nan", "inf", "few", "text", "columns", "pickle", "range", "negative", "fraction", "length"],
)
def test_bad_npz_sets(tmp_path, capsys, changes, expected):
    path = write_npz(tmp_path / "set.npz", **changes)
    check_refused(train(tmp_path, "--data.root", str(path)), capsys, expected)
    assert not (tmp_path / "run").exists()


def test_empty_truncated_and_absent_sets(tmp_path, capsys):
    path = write_npz(tmp_path / "set.npz")
    content = path.read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:cut])
        check_refused(train(tmp_path, "--data.root", str(path)), capsys, "set.npz")
    check_refused(train(tmp_path, "--data.root", str(tmp_path / "gone.npz")), capsys, "gone.npz")
    for name in ("scanobjectnn", "modelnet40", "folder"):
        words = ["--data.name", name, "--data.root", str(tmp_path / "gone")]
        check_refused(train(tmp_path, *words), capsys, "gone")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_truncated_file_of_each_format_in_a_folder(tmp_path, capsys, sample):
    root = write_folder(tmp_path / "set")
    bad = write_sample(root / "test" / "ant", sample)
    content = bad.read_bytes()
    # A table that doesn't say how many rows it has may be cut anywhere in a number, and is still a table; a scan of
    # KITTI, which has no header, between two points.
    cuts = {"modelnet.txt": (0,), "scan.bin": (0, len(content) // 3)}
    for cut in cuts.get(sample, (0, len(content) // 3, 4 * len(content) // 5)):
        bad.write_bytes(content[:cut])
        words = ["--data.name", "folder", "--data.root", str(root), "--model.group_size", "2"]
        check_refused(train(tmp_path, *words), capsys, bad.name)
    assert not (tmp_path / "run").exists()


def test_a_ply_that_declares_too_much(tmp_path, capsys):
    root = write_folder(tmp_path / "set")
    header = "ply\nformat binary_little_endian 1.0\nelement vertex 1000000000000\n"
    header += "property float x\nproperty float y\nproperty float z\nend_header\n"
    (root / "test" / "bee" / "bomb.ply").write_bytes(header.encode() + bytes(120))
    words = ["--data.name", "folder", "--data.root", str(root)]
    check_refused(train(tmp_path, *words), capsys, "bomb.ply", "1000000000000")


def test_an_unknown_class_in_a_test_folder(tmp_path, capsys):
    root = write_folder(tmp_path / "set")
    (root / "test" / "bea").mkdir()
    write_ply(root / "test" / "bea" / "00.ply", clouds()[0])
    check_refused(train(tmp_path, "--data.name", "folder", "--data.root", str(root)), capsys, "bea", "bee")


def test_no_permission(tmp_path, capsys, monkeypatch):
    path = write_npz(tmp_path / "set.npz")
    real = os.open if os.name != "posix" else None
    assert real is None
    import builtins

    opened = builtins.open

    def refuse(file, *args, **kwargs):
        if str(file) == str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", refuse)
    check_refused(train(tmp_path, "--data.root", str(path)), capsys, "set.npz", "ermission")


def test_a_misspelt_key_gets_the_nearest(tmp_path, capsys):
    check_refused(train(tmp_path, "--data.num_pionts", "12"), capsys, "num_pionts", "num_points")


def test_the_same_clouds_as_files_train_the_same_network(tmp_path, capsys):
    """An npz set in the order in which a folder is read gives the same weights as the folder."""
    from safetensors.numpy import load_file

    weights = []
    for name, root in (("npz", write_npz(tmp_path / "set.npz")), ("folder", write_folder(tmp_path / "set"))):
        work = tmp_path / f"work_{name}"
        work.mkdir()
        assert train(work, "--data.name", name, "--data.root", str(root)) == 0
        weights.append(load_file(work / "run" / "adapter" / "adapter_model.safetensors"))
    assert weights[0].keys() == weights[1].keys()
    for key, value in weights[0].items():
        assert np.array_equal(value, weights[1][key]), key
