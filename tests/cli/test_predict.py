"""`pointlora predict` on small adapters and files of many kinds."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from adapter_samples import CLASS_NAMES, NUM_POINTS, write_adapter
from pointlora.cli.main import main
from pointlora.data.datasets import open_dataset
from pointlora.data.loading import make_loader
from pointlora.data.transforms import TransformConfig
from pointlora.errors import AdapterError, CheckpointError, ConfigError, DataError
from pointlora.prediction import Predictor
from pointlora.prediction.settings import axis_shift
from pointlora.training.classification.evaluation import probabilities


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapters") / "mine")


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """<root>/<class>/<file> with clouds of different sizes, one smaller than the model wants, far from the origin."""
    root = tmp_path_factory.mktemp("scans")
    generator = np.random.default_rng([7])
    for number, size in enumerate((40, 128, 300, 301, 300)):
        points = generator.normal(size=(size, 3)) * [1, 2, 0.5] + 100 * number
        folder = root / CLASS_NAMES[number % 3]
        folder.mkdir(exist_ok=True)
        np.savetxt(folder / f"{number}.xyz", points, fmt="%.5f")
    return root


def test_same_probabilities_as_evaluation_and_for_every_batch_size(adapter: Path, scans: Path) -> None:
    predictor = Predictor(adapter, device="cpu")
    dataset = open_dataset("folder", scans, "all", class_names=CLASS_NAMES)
    loader = make_loader(dataset, TransformConfig(num_points=NUM_POINTS), 2, train=False)
    with torch.no_grad():
        expected = torch.cat([probabilities(predictor.model, batch.points) for batch in loader]).numpy()
    for batch_size in (1, 2, 5):
        found = predictor.predict([Path(source) for source in dataset.sources], batch_size)
        assert [str(prediction.source) for prediction in found] == list(dataset.sources)
        np.testing.assert_allclose([p.probabilities for p in found], expected, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.05  # the clouds are told apart
    assert found[0].probabilities.sum() == pytest.approx(1)
    assert found[0].num_points == 40


def test_table_json_and_csv_agree(
    adapter: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(scans / "cube" / "0.xyz"), str(scans / "sphere" / "1.xyz")]
    assert main(["predict", "--adapter", str(adapter), *files, "--json", "--top", "2"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["errors"] == []
    first = content["predictions"][0]
    assert (first["file"], first["points"], len(first["top"])) == (files[0], 40, 2)
    assert first["class"] in CLASS_NAMES
    assert first["probability"] == first["top"][0]["probability"] >= first["top"][1]["probability"]

    assert main(["predict", "--adapter", str(adapter), *files, "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "points", "class", "probability"]
    assert lines[2].split() == [files[0], "40", first["class"], f"{first['probability']:.4f}"]

    output = tmp_path / "out.csv"
    assert main(["predict", "--adapter", str(adapter), *files, "--output", str(output)]) == 0
    assert capsys.readouterr().out == ""
    rows = list(csv.DictReader(output.open()))
    assert float(rows[0]["probability_1"]) == pytest.approx(first["probability"], abs=1e-5)
    assert sum(float(rows[0][f"probability_{rank}"]) for rank in (1, 2, 3)) == pytest.approx(1)


def test_json_counts_the_rows_without_a_point(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = np.random.default_rng([2]).normal(size=(60, 3))
    points[[5, 59]] = np.nan
    np.save(tmp_path / "a.npy", points)
    (tmp_path / "b.docx").write_text("x")
    assert main(["predict", "--adapter", str(adapter), str(tmp_path), "--json"]) == 0
    captured = capsys.readouterr()
    (entry,) = json.loads(captured.out)["predictions"]
    assert (entry["points"], entry["dropped_points"]) == (58, 2)
    assert captured.err.splitlines() == [
        f"{tmp_path}: passed over 1 file of an unsupported kind (.docx 1; such as {tmp_path / 'b.docx'})",
        f"{tmp_path / 'a.npy'}: 2 of 60 points have no coordinates (NaN) and were left out",
    ]


def test_bad_files_are_named_and_the_others_classified(
    adapter: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, missing = tmp_path / "broken.ply", tmp_path / "missing.pcd"
    broken.write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\n")
    good = str(scans / "cube" / "0.xyz")
    names = [str(broken), good, str(missing), str(tmp_path / "*.stl")]
    assert main(["predict", "--adapter", str(adapter), *names, "--json"]) == 2
    captured = capsys.readouterr()
    content = json.loads(captured.out)
    assert [entry["file"] for entry in content["predictions"]] == [good]
    assert len(content["errors"]) == 3
    lines = captured.err.splitlines()
    assert len(lines) == 3
    for line, name in zip(lines, (broken, missing, tmp_path / "*.stl"), strict=True):
        assert line.startswith(f"pointlora: error: {name}: ")


@pytest.mark.parametrize("kind", ["json", "csv", "txt"])
def test_file_names_that_are_no_utf_8(adapter: Path, scans: Path, tmp_path: Path, kind: str) -> None:
    folder, output = tmp_path / "in", tmp_path / f"out.{kind}"
    folder.mkdir()
    odd = folder / b"lat\xe4.xyz".decode("utf-8", "surrogateescape")
    shutil.copy(scans / "cube" / "0.xyz", folder / "a.xyz")
    shutil.copy(scans / "cube" / "0.xyz", odd)
    assert main(["predict", "--adapter", str(adapter), str(folder), "--output", str(output)]) == 0
    text = output.read_text(encoding="utf-8")
    assert "a.xyz" in text
    if kind == "json":
        assert [entry["file"] for entry in json.loads(text)["predictions"]] == [str(folder / "a.xyz"), str(odd)]
    elif kind == "csv":
        assert [row[0] for row in csv.reader(text.splitlines())][2] == f"{folder}/lat\\udce4.xyz"


def test_folders_and_patterns(adapter: Path, scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = sorted(str(path) for path in scans.rglob("*.xyz"))
    for name in (str(scans), f"{scans}/*/*.xyz", f"{scans}/**/*.xyz"):
        assert main(["predict", "--adapter", str(adapter), name, "--json"]) == 0
        assert [entry["file"] for entry in json.loads(capsys.readouterr().out)["predictions"]] == expected


def test_base_is_found_from_the_adapter_or_given(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # `../base.safetensors` doesn't exist from here
    moved = tmp_path / "deep" / "moved"
    shutil.copytree(adapter, moved)
    with pytest.raises(CheckpointError, match=r"base\.safetensors, the backbone of .*moved.*--base"):
        Predictor(moved)
    Predictor(moved, base=adapter.parent / "base.safetensors")
    with pytest.raises(CheckpointError, match="no such weight file: elsewhere"):
        Predictor(moved, base="elsewhere")


def test_another_base_is_refused(adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(adapter.parent / "base.safetensors")
    weights["encoder.blocks.0.norm1.weight"] += 0.01
    save_file(weights, tmp_path / "other.safetensors")
    words = ["predict", "--adapter", str(adapter), "--base", str(tmp_path / "other.safetensors"), "x.ply"]
    assert main(words) == 2
    assert "belongs to a different base" in capsys.readouterr().err


def test_up_axis_turns_the_files(adapter: Path, scans: Path, tmp_path: Path) -> None:
    # Written with y up: (x, y, z) of the z-up cloud is kept as (y, z, x), so that the third axis becomes the second.
    points = np.loadtxt(scans / "cube" / "3.xyz")
    np.savetxt(tmp_path / "y_up.xyz", points[:, [1, 2, 0]], fmt="%.5f")
    expected = Predictor(adapter).predict([scans / "cube" / "3.xyz"])[0].probabilities
    turned = Predictor(adapter, up_axis="y").predict([tmp_path / "y_up.xyz"])[0].probabilities
    np.testing.assert_allclose(turned, expected, atol=1e-6)
    assert [axis_shift(axis, "z") for axis in ("x", "y", "z")] == [2, 1, 0]


def test_python_errors(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.ply: no such file"):
        Predictor(adapter).predict([tmp_path / "nothing.ply"])
    with pytest.raises(DataError, match="nothing: no such file; check the path"):
        Predictor(adapter).predict([tmp_path / "nothing"])
    with pytest.raises(AdapterError, match="isn't an adapter folder"):
        Predictor(tmp_path)
    with pytest.raises(ConfigError, match="unknown up_axis 'w'"):
        Predictor(adapter, up_axis="w")
    with pytest.raises(ConfigError, match="unknown device 'tpu'"):
        Predictor(adapter, device="tpu")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("class_names", ["a"], "not the names of 3 classes"),
        ("class_names", 5, "not the names of 3 classes"),
        ("class_names", [1, 2, 3], "copy is damaged: its class_names must be 3 different names"),
        ("class_names", ["a", "b", "a"], "copy is damaged: its class_names must be 3 different names"),
        ("method", {"name": {"a": 1}, "kind": "lora"}, "method.name is {'a': 1}, but it must be a text of one line"),
        ("method", {"name": "lora", "kind": ["lora"]}, r"method.kind is \['lora'\], but it must be a text"),
        (
            "preprocessing",
            {"num_points": -1},
            "wrong preprocessing: num_points is -1, but it must be an integer",
        ),
        ("preprocessing", 7, "wrong preprocessing"),
    ],
)
def test_damaged_descriptions(adapter: Path, tmp_path: Path, key: str, value: object, message: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(adapter, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {key: value, "data": "x"}))
    with pytest.raises(AdapterError, match=message):
        Predictor(folder, base=adapter.parent / "base.safetensors")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--adaptr", "a", "f"], "did you mean '--adapter'"),
        (["f"], "give one of --adapter DIR, --model ONNX and --zero-shot NPZ"),
        (["--adapter", "a"], "required: FILES"),
        (["--adapter", "a", "f", "--top", "0"], "'0' must be a whole number of at least 1"),
        (["--adapter", "no/such", "f"], "no/such isn't an adapter folder"),
    ],
)
def test_mistakes_give_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["predict", "info", "demo"])
def test_help_needs_no_torch(command: str) -> None:
    code = "import sys; from pointlora.cli.main import main\n"
    code += f"try: main([{command!r}, '--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules, 'matplotlib' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False False False\n")
    assert re.search(r"usage: pointlora " + command, done.stdout)
