"""From an adapter to a file: what is in it, what it computes, and when there is none."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import pointlora
from pointlora.data.features import FeatureScaling
from pointlora.data.transforms import PointTransform
from pointlora.errors import ConfigError
from pointlora.export.description import ExportDescription
from pointlora.export.quantization import Measure
from pointlora.export.samples import Sample
from pointlora.export.writing import Exporter, Quantizing, write_model
from pointlora.methods.lora import is_merged

SIZES = {
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 12,
    "group_size": 8,
    "tokenizer_dims": (32, 48, 64),
    "num_features": 1,
}
FEATURES = FeatureScaling(("intensity",), (100.0,), (50.0,))
NAMES = ("cube", "sphere", "cone")
NUM_POINTS = 64


def clouds(batch, num_points, seed=0):
    """Raw ones: far from the origin, of any size, with a feature."""
    rng = np.random.default_rng(seed)
    places = rng.standard_normal((batch, num_points, 3)) * [3, 2, 1] + [500, -20, 7]
    return np.concatenate([places, rng.uniform(0, 300, (batch, num_points, 1))], 2, dtype=np.float32)


def trained(method="pointlora"):
    torch.manual_seed(0)
    model = pointlora.create_model("point_mae", num_classes=3, **SIZES)
    pointlora.apply_method(model, method)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    preprocessing = {
        "num_points": NUM_POINTS,
        "normalize": True,
        "up_axis": "z",
        "features": FEATURES.as_dict(),
    }
    folder = tmp_path_factory.mktemp("run") / "adapter"
    torch.manual_seed(0)
    model = pointlora.create_model("point_mae", num_classes=3, **SIZES)
    base = folder.parent / "base.pth"
    torch.save(model.state_dict(), base)
    pointlora.apply_method(model, "pointlora")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return pointlora.save_adapter(
        model, folder, NAMES, preprocessing, str(base), selected_on="validation split", density=None
    )


@pytest.fixture(scope="module")
def exporter(adapter):
    return Exporter(adapter, preprocess=True)


@pytest.fixture(scope="module")
def written(exporter, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "model.onnx"
    return exporter.to_onnx(output, [Sample(cloud) for cloud in clouds(2, 90)])


@pytest.fixture(scope="module")
def session(written):
    return onnxruntime.InferenceSession(str(written.path), providers=["CPUExecutionProvider"])


def test_raw_clouds_of_any_size_give_the_logits_of_the_whole_way_in_torch(session, exporter, adapter):
    """Expected are an adapter loaded anew, with branches that aren't merged, behind the data pipeline."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    model = pointlora.create_model("point_mae", num_classes=3, **SIZES)
    pointlora.load_checkpoint(model, config["base_model"]["checkpoint"])
    pointlora.load_adapter(model, adapter).eval()
    transform = PointTransform(exporter.transform, train=False)
    assert is_merged(exporter.model)
    assert not is_merged(model)
    for batch, num_points in ((1, 700), (3, 2048), (3, 5000), (2, NUM_POINTS), (2, 20)):
        raw = clouds(batch, num_points, seed=num_points)
        with torch.no_grad():
            expected = model(torch.from_numpy(transform(raw, [(0, 0)] * batch))).logits.numpy()
        (found,) = session.run(None, {"points": raw})
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
        assert np.abs(expected).max() > 0.01


def test_it_says_of_itself_what_prediction_needs(written, adapter):
    found = onnx.load(written.path)
    described = ExportDescription.from_metadata({each.key: each.value for each in found.metadata_props}, "model.onnx")
    assert described == written.description
    assert (described.task, described.model, described.method) == ("classification", "point_mae", "pointlora")
    assert (described.class_names, described.features, described.up_axis) == (NAMES, FEATURES, "z")
    assert (described.num_points, described.min_points, described.preprocess) == (NUM_POINTS, 8, True)
    assert described.protocol == "validation split"
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert described.adapter_hash == config["weights_sha256"]
    assert described.quantization is None


def operators(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from operators(attribute.g)


def test_the_graph_is_of_standard_operators_with_named_sizes_and_no_trace_of_this_machine(written):
    model = onnx.load(written.path)
    onnx.checker.check_model(model, full_check=True)
    assert {(each.domain, each.version) for each in model.opset_import} == {("", written.description.opset)}
    assert {node.domain for node in operators(model.graph)} == {""}
    assert sum(node.op_type == "Loop" for node in operators(model.graph)) == 2  # choice of points, centers
    assert not model.functions
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert [each.dim_param or each.dim_value for each in shape] == ["batch", "points", 4]
    assert model.graph.output[0].name == "logits"
    content = written.path.read_bytes()
    assert b"site-packages" not in content
    assert b".py" not in content
    parameters = sum(tensor.nbytes for tensor in map(onnx.numpy_helper.to_array, model.graph.initializer))
    assert len(content) < parameters + 150_000


def altered(model):
    """A model one of whose weights is another."""
    wrong = onnx.ModelProto()
    wrong.CopyFrom(model)
    tensor = max(wrong.graph.initializer, key=lambda each: len(each.raw_data))
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[: values.size // 2] += 0.05
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    return wrong


@pytest.fixture
def kept(written, monkeypatch):
    """The network isn't traced again, but `onnx_model` gives what this holds, whether clouds are prepared or raw."""
    model = onnx.load(written.path)
    del model.metadata_props[:]
    holds = {"model": model}
    monkeypatch.setattr(Exporter, "onnx_model", lambda exporter, preprocess: holds["model"])
    return holds


def test_other_logits_than_torchs_leave_no_file_and_an_older_one_alone(kept, exporter, tmp_path):
    kept["model"] = altered(kept["model"])
    output = tmp_path / "model.onnx"
    output.write_bytes(b"older")
    with pytest.raises(
        ConfigError, match=r"nothing is written: on clouds \(1, 700, 4\) onnxruntime's logits differ by"
    ):
        exporter.to_onnx(output)
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]
    assert output.read_bytes() == b"older"


def test_a_difference_on_the_runs_clouds_alone_is_found_too(kept, exporter, tmp_path, monkeypatch):
    from pointlora.export import writing

    monkeypatch.setattr(writing, "trial_inputs", lambda network, transform, samples: iter([]))
    exporter.to_onnx(tmp_path / "unseen.onnx")
    monkeypatch.undo()
    monkeypatch.setattr(Exporter, "onnx_model", lambda exporter, preprocess: altered(kept["model"]))
    with pytest.raises(ConfigError, match="nothing is written"):
        exporter.to_onnx(tmp_path / "seen.onnx", [Sample(cloud) for cloud in clouds(1, 90)])
    assert not (tmp_path / "seen.onnx").exists()


def figures(*values):
    """A measure that gives these, one after another."""
    given = iter(values)
    return Measure("accuracy", "validation split", lambda model: next(given))


def test_int8_is_smaller_and_says_what_it_cost(kept, exporter, tmp_path):
    made = exporter.to_onnx(tmp_path / "int8.onnx", quantization=Quantizing(figures(0.9, 0.896)))
    cost = made.description.quantization
    assert (cost.before, cost.after, cost.calibration, cost.metric) == (0.9, 0.896, "dynamic", "accuracy")
    model = onnx.load(made.path)
    described = next(prop.value for prop in model.metadata_props if prop.key == "pointlora")
    assert json.loads(described)["quantization"]["after"] == 0.896
    kinds = [node.op_type for node in operators(model.graph)]
    assert kinds.count("MatMulInteger") > 10
    raw = clouds(1, 300)
    found = onnxruntime.InferenceSession(str(made.path)).run(None, {"points": raw})[0]
    expected = exporter.network(True)(torch.from_numpy(raw)).numpy()
    assert 0 < np.abs(found - expected).max() < 0.2 * np.abs(expected).max()


def test_int8_with_calibration_takes_ranges_from_clouds(kept, exporter, tmp_path):
    samples = [Sample(cloud) for cloud in clouds(4, 100)]
    made = exporter.to_onnx(tmp_path / "int8.onnx", quantization=Quantizing(figures(0.9, 0.9), samples))
    assert made.description.quantization.calibration == "static"
    kinds = [node.op_type for node in operators(onnx.load(made.path).graph)]
    assert "DynamicQuantizeLinear" not in kinds
    assert kinds.count("DequantizeLinear") > 10


@pytest.mark.parametrize("force", [False, True])
def test_a_loss_above_half_a_point_is_refused_unless_forced(kept, exporter, tmp_path, force):
    quantizing = Quantizing(figures(0.9, 0.8949), force=force)
    if force:
        made = exporter.to_onnx(tmp_path / "int8.onnx", quantization=quantizing)
        assert made.description.quantization.after == 0.8949
        return
    words = r"int8 costs 0.51 points of accuracy \(90.00 % to 89.49 %\) on the validation split, .*--force"
    with pytest.raises(ConfigError, match=words):
        exporter.to_onnx(tmp_path / "int8.onnx", quantization=quantizing)
    assert not list(tmp_path.iterdir())


def test_a_network_too_large_for_the_format_is_an_error(exporter, tmp_path, monkeypatch):
    from pointlora.export import writing

    monkeypatch.setattr(writing, "_MOST_PARAMETERS", 1000)
    with pytest.raises(ConfigError, match="has .* parameters, but an .onnx file holds 1,000: use --format torch"):
        exporter.to_onnx(tmp_path / "model.onnx")


def test_writing_is_atomic(written, tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_model(onnx.load(written.path), written.description, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
