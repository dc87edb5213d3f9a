"""`pointlora info` on exported files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from onnx_samples import CLASS_NAMES, SPACE, classifier, segmenter, write
from pointlora.cli.main import main
from pointlora.data.features import FeatureScaling
from pointlora.export import Quantization
from pointlora.inspection import describe

INT8 = Quantization("dynamic", "accuracy", "validation split", 0.9, 0.896)


def test_a_classifier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = FeatureScaling(("intensity",), (100.0,), (50.0,))
    model = classifier(features=features, quantization=INT8, protocol="validation split", up_axis="y", preprocess=True)
    path = write(model, tmp_path / "a.onnx")
    found = describe(path)
    assert (found["kind"], found["file"], found["bytes"]) == ("exported network", str(path), path.stat().st_size)
    assert (found["task"], found["backbone"], found["method"]) == ("classification", "by_hand", "none")
    assert (found["classes"], found["features"]) == (list(CLASS_NAMES), ["intensity"])
    assert (found["points"], found["fewest_points"], found["up_axis"]) == (64, 8, "y")
    assert (found["unit_sphere"], found["takes_raw_clouds"]) == (True, True)
    assert (found["opset"], found["inputs"], found["selected_on"]) == (18, ["points"], "validation split")
    assert found["adapter_sha256"] == "00" * 32
    assert (found["quantization"]["calibration"], found["quantization"]["after"]) == ("dynamic", 0.896)
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert main(["info", str(path)]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["classes", "3: cube, sphere, cone"] in lines
    assert ["opset", "18"] in lines
    assert any("before 0.9, after 0.896, kind int8" in line[-1] for line in lines)


def test_a_part_segmenter(tmp_path: Path) -> None:
    found = describe(write(segmenter(), tmp_path / "A.ONNX"))
    assert (found["task"], found["quantization"]) == ("part_segmentation", None)
    assert (found["parts"], found["categories"]) == (list(SPACE.part_names), list(SPACE.categories))
    assert found["inputs"] == ["points", "queries", "category"]
    assert "classes" not in found


def test_another_or_a_damaged_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = write(classifier(), tmp_path / "a.onnx").read_bytes()
    foreign = classifier()
    del foreign.metadata_props[:]
    contents = {
        "wasn't written by `pointlora export`": foreign.SerializeToString(),
        "is no .onnx file, or damaged": whole[:-9],
        "was changed or damaged": whole.replace(b"sphere", b"sphexe"),
        "is no .onnx file": b"hello",
        "is empty": b"",
    }
    for words, content in contents.items():
        (tmp_path / "b.onnx").write_bytes(content)
        assert main(["info", str(tmp_path / "b.onnx")]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert words in captured.err


def test_neither_torch_nor_onnxruntime_is_loaded(tmp_path: Path) -> None:
    path = write(classifier(), tmp_path / "a.onnx")
    code = "import sys; from pointlora.cli.main import main\n"
    code += f"print(main(['info', {str(path)!r}]), sorted({{'torch', 'onnxruntime', 'onnx'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("\n0 []\n"), found.stdout
    assert found.stderr == ""
