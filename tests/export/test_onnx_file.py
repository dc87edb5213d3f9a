"""Files of anybody: what isn't whole, keeps weights elsewhere or isn't an exported network is refused unopened."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, external_data_helper, helper, numpy_helper

from mutants import mutants
from onnx_samples import classifier, segmenter, write
from pointlora.errors import CheckpointError, DataError, PointLoraError
from pointlora.export import onnx_file
from pointlora.export.description import METADATA_KEY
from pointlora.export.onnx_file import read_onnx, sealed

SECRET = b"\x00\x00\x80\x3f" * 9


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file whose content nobody may see; it is as large as the weights of `classifier`."""
    path = tmp_path / "secret.bin"
    path.write_bytes(SECRET)
    return path


def refused(path: Path) -> str:
    """The message with which a file is refused: one line that names it."""
    with pytest.raises(CheckpointError) as raised:
        read_onnx(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    assert len(message) < 500
    return message


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    file = read_onnx(write(classifier(), tmp_path / "a.onnx"))
    assert file.description.class_names == ("cube", "sphere", "cone")
    assert file.content == (tmp_path / "a.onnx").read_bytes()
    onnx.checker.check_model(onnx.load(tmp_path / "a.onnx"))
    assert read_onnx(write(segmenter(), tmp_path / "b.onnx")).description.inputs == ("points", "queries", "category")


def test_what_is_exported_is_read(tmp_path: Path) -> None:
    from pointlora.export.writing import write_model

    model, described = classifier(), read_onnx(write(classifier(), tmp_path / "a.onnx")).description
    model.ClearField("metadata_props")
    assert read_onnx(write_model(model, described, tmp_path / "b.onnx")).description == described


def of_initializer(model: onnx.ModelProto) -> TensorProto:
    return model.graph.initializer[1]


def of_constant(model: onnx.ModelProto) -> TensorProto:
    node = helper.make_node("Constant", [], ["unused"], value=numpy_helper.from_array(np.ones(9, np.float32)))
    model.graph.node.append(node)
    return model.graph.node[-1].attribute[0].t


def of_body(model: onnx.ModelProto) -> TensorProto:
    """A constant inside of a loop."""
    kind = helper.make_tensor_value_info("still", TensorProto.BOOL, [])
    tensors = [numpy_helper.from_array(np.ones(9, np.float32), "inner")]
    body = helper.make_graph([], "body", [kind, kind], [kind], tensors)
    model.graph.node.append(helper.make_node("Loop", ["", "still"], ["out"], body=body))
    return model.graph.node[-1].attribute[0].g.initializer[0]


def of_list(model: onnx.ModelProto) -> TensorProto:
    attribute = AttributeProto(name="list", type=AttributeProto.TENSORS)
    attribute.tensors.append(numpy_helper.from_array(np.ones(9, np.float32)))
    model.graph.node[0].attribute.append(attribute)
    return model.graph.node[0].attribute[-1].tensors[0]


@pytest.mark.parametrize("choose", [of_initializer, of_constant, of_body, of_list])
@pytest.mark.parametrize("place", ["secret.bin", "../secret.bin", "/etc/passwd", "*/_ORT_MEM_ADDR_/*"])
def test_weights_in_other_files_are_refused(
    tmp_path: Path, secret: Path, choose: Callable[[onnx.ModelProto], TensorProto], place: str
) -> None:
    model = classifier()
    tensor = choose(model)
    external_data_helper.set_external_data(tensor, place, 0, len(SECRET))
    tensor.ClearField("raw_data")
    os.chmod(secret, 0)
    assert "in another file (external data), which isn't opened" in refused(write(model, tmp_path / "in" / "a.onnx"))


@pytest.mark.parametrize("location", [1, 2, 2**31])
def test_either_mark_of_external_data_is_enough(tmp_path: Path, location: int) -> None:
    model = classifier()
    model.graph.initializer[1].external_data.add(key="location", value="x")
    assert "external data" in refused(write(model, tmp_path / "a.onnx"))
    content = classifier().SerializeToString()
    # Another tensor of the graph, which merges with the first: 7 is the graph of the model, 5 a tensor of it.
    mark = b"\x70" + varint(location)
    graph = b"\x2a" + varint(len(mark)) + mark
    (tmp_path / "a.onnx").write_bytes(content + b"\x3a" + varint(len(graph)) + graph)
    refused(tmp_path / "a.onnx")


def varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def test_what_exported_networks_do_not_have_is_refused(tmp_path: Path) -> None:
    model = classifier()
    model.functions.append(helper.make_function("mine", "F", ["a"], ["b"], [], [helper.make_opsetid("", 18)]))
    assert "a model of it has field 25" in refused(write(model, tmp_path / "a.onnx"))
    model = classifier()
    model.graph.node[0].domain = "my.plugin\x1b[2J"
    assert "needs operators of 'my.plugin\\x1b[2J'" in refused(write(model, tmp_path / "a.onnx"))
    model = classifier()
    model.training_info.add()
    assert "field 20" in refused(write(model, tmp_path / "a.onnx"))
    model = classifier()
    model.graph.sparse_initializer.add()
    assert "a graph of it has field 15" in refused(write(model, tmp_path / "a.onnx"))


@pytest.mark.parametrize("shape", [[2**40], [2**20, 2**20], [3, -1], [2**62, 2**62, 2**62], [1] * 17])
def test_sizes_are_not_believed(tmp_path: Path, shape: list[int]) -> None:
    model = classifier()
    model.graph.initializer[1].ClearField("dims")
    model.graph.initializer[1].dims.extend(shape)
    assert "a tensor" in refused(write(model, tmp_path / "a.onnx"))


def test_depth_is_bounded(tmp_path: Path) -> None:
    content = b""
    for _ in range(200):  # a graph in an attribute of a node of a graph
        attribute = b"\x32" + varint(len(content)) + content
        node = b"\x2a" + varint(len(attribute)) + attribute
        content = b"\x0a" + varint(len(node)) + node
    (tmp_path / "a.onnx").write_bytes(b"\x3a" + varint(len(content)) + content)
    assert "nested more than 64 deep" in refused(tmp_path / "a.onnx")


def test_the_number_of_parts_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is remembered while its message is gone through."""
    monkeypatch.setattr(onnx_file, "_MOST_FIELDS", 1000)
    for count, words in ((1000, "it has 0 graphs"), (1001, "it has more than 1000 parts")):
        (tmp_path / "a.onnx").write_bytes(b"\x08\x0a" * count)
        assert words in refused(tmp_path / "a.onnx")


def test_a_file_of_two_formats_is_refused(tmp_path: Path) -> None:
    """onnxruntime takes bytes with this mark for a format of its own."""
    content = b"\x08\x0a\x12\x04ORTM" + classifier().SerializeToString()
    onnx.load_model_from_string(content)  # protobuf takes it
    (tmp_path / "a.onnx").write_bytes(content)
    assert "the mark of another format" in refused(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is no .onnx file"),
        (b"PK\x03\x04" + bytes(100), "is no .onnx file"),
        (b"solid cube\n", "is no .onnx file"),
        (bytes(1000), "is no .onnx file"),
        (b"\x08\x0a", "it has 0 graphs"),
        (classifier().SerializeToString() + b"\x3a\x00", "it has 2 graphs"),
    ],
)
def test_other_kinds_of_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    assert message in refused(tmp_path / "a.onnx")


def test_a_network_of_others_is_told_apart(tmp_path: Path) -> None:
    model = classifier()
    model.ClearField("metadata_props")
    assert "wasn't written by `pointlora export`" in refused(write(model, tmp_path / "a.onnx"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_onnx(tmp_path / "none.onnx")
    with pytest.raises(DataError, match="is a folder"):
        read_onnx(tmp_path)
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(DataError, match="empty"):
        read_onnx(tmp_path / "empty.onnx")
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(DataError, match="not a regular file"):
        read_onnx(tmp_path / "pipe.onnx")


@pytest.mark.parametrize("change", ["description", "weight", "more", "less", "unsealed"])
def test_a_file_that_was_changed_is_noticed(tmp_path: Path, change: str) -> None:
    """Nothing else tells that clouds had another number of points in training."""
    model = classifier()
    content = sealed(model.SerializeToString())
    if change == "description":
        content = content.replace(b'"num_points": 64', b'"num_points": 63')
    elif change == "weight":
        content = content.replace(model.graph.initializer[1].raw_data, bytes(36))
    elif change == "more":
        content += b"\x2a\x00"
    elif change == "less":
        content = content[:-1]
    else:
        content = model.SerializeToString()
    (tmp_path / "a.onnx").write_bytes(content)
    message = refused(tmp_path / "a.onnx")
    assert change == "less" or "was changed or damaged after it was written" in message


def test_the_opset_is_that_of_the_graph(tmp_path: Path) -> None:
    assert "says opset 17 of itself, but is of 18" in refused(write(classifier(opset=17), tmp_path / "a.onnx"))


def test_what_it_says_of_itself_stands_there_once(tmp_path: Path) -> None:
    model = classifier()
    model.metadata_props.add(key=METADATA_KEY, value=json.dumps({"format_version": 1}))
    assert "stands there twice" in refused(write(model, tmp_path / "a.onnx"))


def outcome(path: Path, content: bytes) -> str:
    """What is wrong with how a file is taken; nothing for a line of error."""
    path.write_bytes(content)
    try:
        read_onnx(path)
    except PointLoraError as error:
        message = str(error)
        return "" if message.startswith(str(path)) and message.isprintable() else message
    return "it was read"


@pytest.mark.parametrize("number", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_truncated_and_damaged_files(tmp_path: Path, number: int) -> None:
    """Refused in a line, whatever was hit; a mutant may be what it was."""
    samples = {"a": sealed(classifier().SerializeToString()), "b": sealed(segmenter().SerializeToString())}
    for content in samples.values():
        for size in range(1, len(content), 1 + len(content) // (number // 2)):
            (tmp_path / "a.onnx").write_bytes(content[:size])
            refused(tmp_path / "a.onnx")
    for name, index, content in mutants(samples, number, 17):
        assert content == samples[name] or (index, outcome(tmp_path / "a.onnx", content or b"\0")) == (index, "")
