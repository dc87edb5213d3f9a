"""What an exported file says of itself survives the way through its metadata, and nothing in it is believed."""

import json
import subprocess
import sys

import pytest

from pointlora.data.features import FeatureScaling
from pointlora.data.parts.space import PartSpace
from pointlora.errors import CheckpointError, ConfigError
from pointlora.export.description import METADATA_KEY, ExportDescription, Quantization

COMMON = {
    "model": "point_mae_tiny",
    "method": "pointlora",
    "adapter_hash": "ab" * 32,
    "num_points": 256,
    "min_points": 16,
    "normalize": True,
    "up_axis": "z",
    "preprocess": False,
    "opset": 18,
}
CLASSES = ExportDescription(
    **COMMON,
    task="classification",
    class_names=("chair", "Tisch, groß", "机"),
    features=FeatureScaling(("red", "green", "blue"), (127.5,) * 3, (127.5,) * 3),
    protocol="validation",
    density={"spacing": [0.01, 0.02], "extent": [0.5, 2.0]},
    mesh_samples=4096,
    quantization=Quantization("dynamic", "accuracy", "validation", 0.91, 0.905),
)
PARTS = ExportDescription(
    **COMMON,
    task="part_segmentation",
    parts=PartSpace(("mug body", "mug handle", "seat"), ("mug", "chair"), ((0, 1), (2,)), (4, 7, 9)),
)


@pytest.mark.parametrize("described", [CLASSES, PARTS], ids=["classes", "parts"])
def test_a_description_survives_its_metadata(described):
    metadata = described.to_metadata()
    assert ExportDescription.from_metadata({**metadata, "other": "x"}, "a.onnx") == described


def test_hosts_find_names_where_the_docs_say():
    values = json.loads(CLASSES.to_metadata()["pointlora"])
    assert values["classes"] == ["chair", "Tisch, groß", "机"]
    assert (values["inputs"], values["outputs"]) == (["points"], ["logits"])
    assert values["features"]["names"] == ["red", "green", "blue"]
    assert PARTS.as_dict()["inputs"] == ["points", "queries", "category"]
    alone = ExportDescription(**COMMON, task="part_segmentation", parts=PartSpace(("a", "b")))
    assert alone.inputs == ("points", "queries")
    assert (CLASSES.num_features, CLASSES.num_outputs, PARTS.num_features, PARTS.num_outputs) == (3, 3, 0, 3)


LIES = {
    "format_version": [2, True, None, "1"],
    "pointlora_version": [3, ""],
    "task": ["embedding", 1, None, ["classification"]],
    "model": ["two\nlines", "x" * 1000, 5, ""],
    "method": [None],
    "adapter_hash": [[], "\x1b[2J"],
    "protocol": [7],
    "num_points": [0, -1, 2.5, "256", True, 10**9, None],
    "min_points": [0, 257, None],
    "normalize": [1, "yes", None],
    "preprocess": [0, None],
    "up_axis": ["up", 2, None],
    "opset": [0, "18", 10**6],
    "classes": [[], ["a", "a"], ["a", 3], "ab", None, [["a"]]],
    "parts": [{}, [], 3],
    "features": [
        {"names": ["a"], "centers": [float("nan")], "ranges": [1.0]},
        {"names": ["a"], "centers": [0.0], "ranges": [0.0]},
        {"names": ["a"], "centers": [0.0], "ranges": [float("inf")]},
        {"names": ["a"], "centers": [0.0], "ranges": [1.0, 2.0]},
        {"names": ["a"], "centers": ["0"], "ranges": [1.0]},
        {"names": [["a"]], "centers": [0.0], "ranges": [1.0], "more": 1},
        {},
        [1],
    ],
    "density": [{}, {"spacing": [1.0], "extent": [1.0, 2.0]}, {"spacing": [float("nan")] * 2, "extent": [1, 2]}, 3],
    "mesh_samples": [0, 10**9, "8192"],
    "inputs": [["points", "queries"], "points", []],
    "outputs": [["probabilities"], None],
    "quantization": [{}, {"kind": "int4"}, {**vars(CLASSES.quantization), "after": float("nan")}, "int8"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in LIES.items() for value in values])
def test_what_makes_no_sense_is_one_line_that_names_file_and_field(field, value):
    values = {**CLASSES.as_dict(), field: value}
    with pytest.raises(CheckpointError, match=f"^a.onnx is damaged: .*{field}") as raised:
        ExportDescription.from_metadata({METADATA_KEY: json.dumps(values)}, "a.onnx")
    assert len(str(raised.value)) < 400
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("field", CLASSES.as_dict())
def test_every_field_must_be_there(field):
    values = CLASSES.as_dict()
    del values[field]
    with pytest.raises(CheckpointError, match=field):
        ExportDescription.from_metadata({METADATA_KEY: json.dumps(values)}, "a.onnx")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, '{"a": 1' + "0" * 5000 + "}", "x" * (2**24 + 1)])
def test_other_texts_are_refused(text):
    with pytest.raises(CheckpointError, match="^a.onnx is damaged") as raised:
        ExportDescription.from_metadata({METADATA_KEY: text}, "a.onnx")
    assert len(str(raised.value)) < 300


def test_a_file_of_others_is_told_apart():
    with pytest.raises(CheckpointError, match="a.onnx wasn't written by `pointlora export`"):
        ExportDescription.from_metadata({"author": "somebody"}, "a.onnx")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"parts": {"part_names": ["a"], "categories": [], "parts_of": [[5]], "numbers": [0]}}, "part 5"),
        ({"parts": {"part_names": ["a", "a"], "categories": [], "parts_of": [], "numbers": []}}, "part_names"),
        ({"parts": {"part_names": "ab", "categories": [], "parts_of": [], "numbers": []}}, "part_names"),
        ({"parts": {"part_names": [], "categories": [], "parts_of": [], "numbers": []}}, "no part"),
        ({"parts": None}, "parts must be named"),
        ({"classes": ["a"]}, "no classes"),
    ],
)
def test_parts_that_make_no_sense_are_refused(values, message):
    with pytest.raises(CheckpointError, match=message):
        ExportDescription.from_metadata({METADATA_KEY: json.dumps({**PARTS.as_dict(), **values})}, "a.onnx")


def test_what_makes_no_sense_is_not_written_either():
    with pytest.raises(ConfigError, match="num_points is 0"):
        ExportDescription(**{**COMMON, "num_points": 0}, task="classification", class_names=("a",))


def test_it_needs_no_torch():
    code = "import sys, pointlora.export.description; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
