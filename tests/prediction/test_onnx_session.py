"""Networks that onnxruntime refuses, or that compute something else than their files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from onnx_samples import classifier, segmenter, write
from pointlora.errors import CheckpointError, ConfigError, PointLoraError
from pointlora.export.onnx_file import read_onnx
from pointlora.prediction.onnx_session import OnnxNetwork, providers_for, usable_cores

POINTS = np.random.default_rng(0).normal(size=(2, 9, 3)).astype(np.float32)


def network(model: onnx.ModelProto, folder: Path) -> OnnxNetwork:
    return OnnxNetwork(read_onnx(write(model, folder / "a.onnx")))


def refused(model: onnx.ModelProto, folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """The line with which a file is refused, at opening or at its first use; onnxruntime itself says nothing."""
    with pytest.raises(CheckpointError) as raised:
        network(model, folder).logits(points=POINTS)
    message = str(raised.value)
    assert message.startswith(str(folder / "a.onnx"))
    assert message.isprintable()
    assert len(message) < 500
    assert capfd.readouterr() == ("", "")
    return message


def test_logits_have_the_shapes_of_what_was_asked(tmp_path: Path) -> None:
    assert network(classifier(), tmp_path).logits(points=POINTS).shape == (2, 3)
    queries, category = np.zeros((2, 5, 3), np.float32), np.array([0, 1])
    found = network(segmenter(), tmp_path).logits(points=POINTS, queries=queries, category=category)
    assert (found.shape, found.dtype) == ((2, 5, 4), np.float32)


def test_nothing_is_given_to_onnxruntime_that_names_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime itself would read it: the check before it is what keeps the file closed."""
    (tmp_path / "weights.bin").write_bytes(classifier().graph.initializer[1].raw_data)
    model = classifier()
    external_data_helper.set_external_data(model.graph.initializer[1], "weights.bin")
    model.graph.initializer[1].ClearField("raw_data")
    monkeypatch.chdir(tmp_path)
    onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    with pytest.raises(CheckpointError, match="external data"):
        network(model, tmp_path)


def test_operators_that_do_not_exist(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.graph.node[0].op_type = "Steal\x1b[31m"
    assert "onnxruntime can't open it" in refused(model, tmp_path, capfd)


def test_an_opset_that_is_not_known(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = classifier(opset=900)
    model.opset_import[0].version = 900
    assert "onnxruntime can't open it" in refused(model, tmp_path, capfd)


def test_logits_that_are_not_finite(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.full((3, 3), np.nan, np.float32), "weight"))
    assert "its logits are not finite" in refused(model, tmp_path, capfd)


def test_logits_of_another_shape(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The file leaves the width open."""
    model = classifier()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "C"
    model.graph.node[1].output[0] = "right"
    model.graph.initializer.append(numpy_helper.from_array(np.array([True, True, False]), "kept"))
    model.graph.node.append(helper.make_node("Compress", ["right", "kept"], ["logits"], axis=1))
    assert "its logits have shape (2, 2), and by what it says of itself (2, 3)" in refused(model, tmp_path, capfd)


def test_a_fixed_number_of_points(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    assert "input points is tensor(float) ['B', 5, 3]" in refused(model, tmp_path, capfd)


@pytest.mark.parametrize("size", [2**45, 2**62])
def test_arrays_that_fit_into_no_memory(tmp_path: Path, capfd: pytest.CaptureFixture[str], size: int) -> None:
    model = classifier()
    model.graph.node[1].output[0] = "some"
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["size"], ["large"]),
            helper.make_node("ReduceMax", ["large"], ["one"], keepdims=0),
            helper.make_node("Add", ["some", "one"], ["logits"]),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([size], dtype=np.int64), "size"))
    assert "onnxruntime can't" in refused(model, tmp_path, capfd)


def test_other_types(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.graph.node[1].output[0] = "some"
    model.graph.node.append(helper.make_node("Cast", ["some"], ["logits"], to=TensorProto.DOUBLE))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    assert "output logits is tensor(double)" in refused(model, tmp_path, capfd)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert providers_for("cpu") == ["CPUExecutionProvider"]
    with pytest.raises(ConfigError, match="unknown device 'tpu'"):
        providers_for("tpu")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert providers_for("auto") == ["CPUExecutionProvider"]
    with pytest.raises(PointLoraError, match="onnxruntime finds no CUDA device"):
        providers_for("cuda")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert providers_for("auto") == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert usable_cores() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert usable_cores() >= 1
