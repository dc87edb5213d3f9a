"""A comparison keeps the version of the weights with which it began."""

import pytest

from pointlora.comparison.run import check_folder
from pointlora.comparison.versions import read_recorded, settle_weights
from pointlora.errors import ConfigError
from pointlora.models.pretrained import SHA256
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.files import from_mapping, to_mapping, write_yaml

TINY = "point_mae_tiny"
OWN = {"name": "probe", "model": {"checkpoint": "pretrained", "name": TINY}}


@pytest.fixture(autouse=True)
def two_versions(monkeypatch):
    monkeypatch.setitem(SHA256, TINY, {1: "", 2: ""})


def recipe(output, checkpoint="pretrained", name=TINY, methods=None):
    content = {
        "model": {"name": name, "checkpoint": checkpoint},
        "data": {"name": "procedural"},
        "training": {"precision": "32"},
        "methods": methods or {"lora": {"name": "lora"}, "own": OWN},
        "output": str(output),
    }
    return from_mapping(CompareRecipe, content)


def settled(found):
    return [found.model.checkpoint, found.methods["own"]["model"]["checkpoint"]]


def test_a_new_comparison_takes_the_newest(tmp_path):
    path = tmp_path / "comparison.yaml"
    assert settled(settle_weights(recipe(tmp_path), path)) == [f"{TINY}@2", f"{TINY}@2"]
    assert settled(settle_weights(recipe(tmp_path, f"{TINY}@1"), path)) == [f"{TINY}@1", f"{TINY}@2"]


@pytest.mark.parametrize("written", ["pretrained", f"{TINY}@1"])
def test_one_that_goes_on_keeps_its_own(tmp_path, written):
    path = tmp_path / "comparison.yaml"
    methods = {"lora": {"name": "lora"}, "own": {**OWN, "model": {"checkpoint": written, "name": TINY}}}
    path.write_text(write_yaml(to_mapping(recipe(tmp_path, written, methods=methods))))
    for checkpoint in ("pretrained", f"{TINY}@1"):
        found = settle_weights(recipe(tmp_path, checkpoint), path)
        assert settled(found) == [f"{TINY}@1", f"{TINY}@1"]
        check_folder(found)
    with pytest.raises(ConfigError, match=f"model.checkpoint = '{TINY}@1' for lora, not '{TINY}@2'"):
        check_folder(settle_weights(recipe(tmp_path, f"{TINY}@2"), path))


def test_a_model_without_weights_in_the_package_is_left_alone(tmp_path):
    found = settle_weights(recipe(tmp_path, name="point_mae"), tmp_path / "comparison.yaml")
    assert settled(found) == ["pretrained", f"{TINY}@2"]


def test_a_damaged_file_of_settings(tmp_path):
    path = tmp_path / "comparison.yaml"
    path.write_text("methods: 3\nmodel: [1]\n")
    assert settled(settle_weights(recipe(tmp_path), path)) == [f"{TINY}@2", f"{TINY}@2"]
    assert read_recorded(path) == {"methods": 3, "model": [1]}
