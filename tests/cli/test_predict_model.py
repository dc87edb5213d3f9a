"""`pointlora predict --model`: exported files, without torch."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from onnx_samples import classifier, segmenter, write
from pointlora.cli.main import main
from pointlora.data import notices
from pointlora.data.files import read_point_cloud, write_ply
from pointlora.prediction import OnnxPartPredictor, OnnxPredictor
from random_runs import write_run


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """<root>/<category>/<file>."""
    root, generator = tmp_path_factory.mktemp("scans"), np.random.default_rng(3)
    for number, size in enumerate((40, 500, 2000)):
        folder = root / ("chair", "mug")[number % 2]
        folder.mkdir(exist_ok=True)
        points = generator.normal(size=(size, 3)) * generator.uniform(0.3, 3, 3) + [10, 0, 0]
        write_ply(folder / f"{number}.ply", points.astype(np.float32))
    return root


def error_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a command fails."""
    assert main(["predict", *words]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("pointlora: error: ")
    assert captured.out == ""
    return line


def test_classes(scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, bad = write(classifier(), tmp_path / "a.onnx"), tmp_path / "bad.ply"
    bad.write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\n")
    expected = OnnxPredictor(model).predict(sorted(scans.rglob("*.ply")))
    words = ["predict", "--model", str(model), str(scans), str(bad)]
    assert main([*words, "--json", "--top", "2"]) == 2
    captured = capsys.readouterr()
    content = json.loads(captured.out)
    assert [entry["file"] for entry in content["predictions"]] == [str(one.source) for one in expected]
    for entry, one in zip(content["predictions"], expected, strict=True):
        assert [(each["class"], each["probability"]) for each in entry["top"]] == one.top(2)
    assert captured.err.splitlines() == [f"pointlora: error: {content['errors'][0]}"]
    assert main(["predict", "--model", str(model), str(scans), "--output", str(tmp_path / "a.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [row["class_1"] for row in rows] == [one.top()[0][0] for one in expected]


def test_parts(scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write(segmenter(), tmp_path / "a.onnx")
    expected = OnnxPartPredictor(model).predict(sorted(scans.rglob("*.ply")))
    words = ["predict", "--model", str(model), str(scans), "--output", str(tmp_path / "out"), "--json"]
    assert main([*words, "--pictures", "0"]) == 0
    content = json.loads(capsys.readouterr().out)
    for entry, one in zip(content["predictions"], expected, strict=True):
        assert (entry["category"], entry["shares"]) == (one.category_name, one.shares)
        np.testing.assert_array_equal(np.load(entry["labels"]), one.labels)
        np.testing.assert_array_equal(read_point_cloud(entry["cloud"]).attributes["labels"], one.labels)


def test_mistakes_give_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes, parts = write(classifier(), tmp_path / "a.onnx"), write(segmenter(), tmp_path / "b.onnx")
    given = ["--model", str(classes), "x.ply"]
    assert "give one of --adapter DIR, --model ONNX" in error_of(["--adapter", "a", *given], capsys)
    assert "--base is for --adapter" in error_of(["--base", "a.pth", *given], capsys)
    assert "--plugins is for --adapter" in error_of(["--plugins", "a.py", *given], capsys)
    assert "is for classification, not for part_segm" in error_of(["--task", "segmentation", *given], capsys)
    assert "--category is for part_segmentation" in error_of(["--category", "mug", *given], capsys)
    assert "--top is for classification" in error_of(["--top", "1", "--model", str(parts), "x.ply"], capsys)
    assert "--output is missing" in error_of(["--model", str(parts), "x.ply"], capsys)
    assert "none.onnx: no such file" in error_of(["--model", "none.onnx", "x.ply"], capsys)
    (tmp_path / "c.onnx").write_bytes(classes.read_bytes()[:-9])
    assert "is no .onnx file, or damaged" in error_of(["--model", str(tmp_path / "c.onnx"), "x.ply"], capsys)


@pytest.mark.parametrize("words", [["--help"], ["{model}", "{scans}"]])
def test_torch_is_never_loaded(scans: Path, tmp_path: Path, words: list[str]) -> None:
    model = write(classifier(), tmp_path / "a.onnx")
    given = [word.format(model=f"--model={model}", scans=scans) for word in words]
    code = "import sys; from pointlora.cli.main import main\n"
    code += f"try: done = main(['predict', *{given!r}])\nexcept SystemExit as end: done = end.code\n"
    code += "print(done, 'torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("\n0 False\n"), found.stderr
    assert found.stderr == ""


def difficult(folder: Path) -> dict[str, str]:
    """Files of a category that are hard to take, by name: for which tasks there is a result."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(4)
    clouds = {name: generator.normal(size=(400, 3)).astype(np.float32) for name in ("nan", "inf", "long")}
    clouds["nan"][::7, 1], clouds["inf"][5, 2], clouds["long"][:, 0] = np.nan, np.inf, np.linspace(0, 1e30, 400)
    clouds["large"] = generator.normal(size=(70_000, 3)).astype(np.float32)
    clouds["same"], clouds["three"] = np.full((500, 3), 0.1, np.float32), clouds["large"][:3]
    for name, points in clouds.items():
        np.save(folder / f"{name}.npy", points)
    (folder / "empty.ply").write_bytes(b"")
    (folder / "words.xyz").write_text("no points\n")
    (folder / "folder.ply").mkdir()
    (folder / "header.ply").write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\n")
    (folder / "notes.docx").write_text("passed over")
    both = dict.fromkeys(("nan.npy", "long.npy", "large.npy", "same.npy"), "classification part_segmentation")
    return {**both, "three.npy": "classification"}


@pytest.mark.slow
@pytest.mark.parametrize("preprocess", [False, True], ids=["prepared", "raw"])
@pytest.mark.parametrize("task", ["classification", "part_segmentation"])
def test_the_same_as_the_adapter_that_was_exported(
    scans: Path, tmp_path: Path, task: str, preprocess: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Classes, labels, messages and exit codes, and probabilities within 1e-4."""
    run, model = write_run(tmp_path / "run", "lora", task), tmp_path / "a.onnx"
    assert main(["export", str(run), "--output", str(model), *(["--preprocess"] if preprocess else [])]) == 0
    wanted = difficult(tmp_path / "chair")
    sources = [
        str(scans),
        str(tmp_path / "chair"),
        *(str(tmp_path / name) for name in ("chair/folder.ply", "none.ply", "none*.ply")),
    ]
    found = []
    for source in (["--adapter", str(run)], ["--model", str(model)]):
        capsys.readouterr()
        notices.forget()
        # An exported network has no report: it shows nothing of its inside.
        apart = ["--output", str(tmp_path / "out"), "--pictures", "0", "--no-report"]
        more = [] if task == "classification" else apart
        code = main(["predict", *source, *sources, *more, "--json"])
        captured = capsys.readouterr()
        content = json.loads(captured.out)
        labels = [np.load(one["labels"]) for one in content["predictions"] if "labels" in one]
        found.append((code, captured.err, content, labels))
    (code, messages, expected, labels), (other_code, other_messages, content, others) = found
    assert (code, messages, expected["errors"]) == (other_code, other_messages, content["errors"])
    assert code == 2
    for one, other in zip(expected["predictions"], content["predictions"], strict=True):
        assert (one["file"], one["points"], one.get("category")) == (
            other["file"],
            other["points"],
            other.get("category"),
        )
        for best, same in zip(one.get("top", ()), other.get("top", ()), strict=True):
            assert best["class"] == same["class"]
            assert abs(best["probability"] - same["probability"]) < 1e-4
    for own, other in zip(labels, others, strict=True):
        assert (own == other).mean() >= 0.999  # a point may lie between two parts
    names = sorted(Path(one["file"]).name for one in expected["predictions"])
    assert names == sorted(["0.ply", "1.ply", "2.ply", *(name for name, tasks in wanted.items() if task in tasks)])
    assert "NaN" in messages
    assert len(expected["errors"]) >= 6
