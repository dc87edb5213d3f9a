"""`pointlora export`: what it prints, and how it ends."""

import onnx
import pytest

from adapter_samples import write_adapter
from command_line import error_of
from export_runs import train_small
from pointlora.cli import main as command_line
from pointlora.export.description import ExportDescription


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "the following arguments are required: --output"),
        (["run", "--output", "m.onnx", "--format", "tflite"], "invalid choice: 'tflite'"),
        (["run", "--output", "m.onnx", "--quantise", "int8"], "did you mean '--quantize'"),
        (["run", "--output", "m.onnx", "--calibration", "8"], "--calibration and --force are for --quantize int8"),
        (["run", "--output", "m.pt2", "--format", "torch", "--quantize", "int8"], "is for --format onnx"),
        (["run", "--output", "nowhere/m.onnx"], "nowhere, the folder for m.onnx, does not exist"),
        (["run", "--output", "."], ". is a folder: name a file in it, such as model.onnx"),
        (["run", "--output", "m.onnx"], "run isn't an adapter folder"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["export", *words]) == 2
    assert message in error_of(capsys)
    assert not list(tmp_path.iterdir())


def test_int8_needs_the_data_of_a_run(capsys, tmp_path):
    folder = write_adapter(tmp_path / "adapter")
    output = tmp_path / "model.onnx"
    assert command_line.main(["export", str(folder), "--output", str(output), "--quantize", "int8"]) == 2
    assert "has no config.yaml: give the folder of the run" in error_of(capsys)
    assert not output.exists()


@pytest.mark.slow
def test_an_adapter_becomes_a_file(capsys, tmp_path):
    folder = write_adapter(tmp_path / "adapter")
    output = tmp_path / "model.onnx"
    assert command_line.main(["export", str(folder), "--output", str(output), "--preprocess"]) == 0
    said = capsys.readouterr().out
    assert f"{output}: " in said
    assert "inputs points" in said
    assert "on random clouds; the run's data aren't at hand" in said
    metadata = {each.key: each.value for each in onnx.load(output).metadata_props}
    described = ExportDescription.from_metadata(metadata, output)
    assert described.class_names == ("cube", "sphere", "cone")
    assert command_line.main(["export", str(folder), "--output", str(tmp_path / "m.pt2"), "--format", "torch"]) == 0
    assert (tmp_path / "m.pt2").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "part_segmentation"])
def test_a_run_becomes_int8(task, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train_small(tmp_path / "run", task)
    for more in ([], ["--calibration", "4", "--preprocess"]):
        words = ["export", "run", "--output", "m.onnx", "--quantize", "int8", "--force", *more]
        assert command_line.main(words) == 0
        said = capsys.readouterr().out
        assert f"int8 ({'static' if more else 'dynamic'})" in said
        assert "on random clouds and 4 of the run's data" in said
        metadata = {each.key: each.value for each in onnx.load("m.onnx").metadata_props}
        described = ExportDescription.from_metadata(metadata, "m.onnx")
        assert described.quantization.metric == ("accuracy" if task == "classification" else "instance_miou")
        assert described.quantization.measured_on == "validation split"
        assert described.preprocess == bool(more)
