"""A run keeps the version of the weights with which it began."""

import pytest

from pointlora.errors import ConfigError
from pointlora.models.pretrained import SHA256
from pointlora.recipes.files import from_mapping, to_mapping, write_yaml
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.run_folder import RunFolder
from pointlora.training.settling import with_settled_weights

TINY = "point_mae_tiny"


@pytest.fixture(autouse=True)
def two_versions(monkeypatch):
    monkeypatch.setitem(SHA256, TINY, {1: "", 2: ""})


def recipe(output, checkpoint="pretrained", name=TINY):
    content = {
        "model": {"name": name, "checkpoint": checkpoint},
        "method": {"name": "lora"},
        "data": {"name": "procedural"},
        "output": str(output),
    }
    return from_mapping(TrainRecipe, content)


def begun(folder, checkpoint, name=TINY):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"")
    (folder / "config.yaml").write_text(write_yaml(to_mapping(recipe(folder, checkpoint, name))))
    return folder


def test_a_new_run_takes_the_newest(tmp_path):
    assert with_settled_weights(recipe(tmp_path)).model.checkpoint == f"{TINY}@2"
    for source in (f"{TINY}@1", "file.pth", None):
        assert with_settled_weights(recipe(tmp_path, source)).model.checkpoint == source
    assert with_settled_weights(recipe(tmp_path, name="point_mae")).model.checkpoint == "pretrained"


@pytest.mark.parametrize("written", ["pretrained", f"{TINY}@1"])
def test_one_that_goes_on_keeps_its_own(tmp_path, written):
    folder = begun(tmp_path / "run", written)
    for checkpoint in ("pretrained", f"{TINY}@1"):
        found = with_settled_weights(recipe(folder, checkpoint))
        assert found.model.checkpoint == f"{TINY}@1"
        assert RunFolder(found).check(resume=True)
    with pytest.raises(ConfigError, match=f"model.checkpoint = '{TINY}@1', not '{TINY}@2'"):
        RunFolder(with_settled_weights(recipe(folder, f"{TINY}@2"))).check(resume=True)


def test_a_run_of_another_model_has_no_say(tmp_path):
    folder = begun(tmp_path / "run", "other.pth", "point_mae")
    assert with_settled_weights(recipe(folder)).model.checkpoint == f"{TINY}@2"
