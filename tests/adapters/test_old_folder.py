"""A folder that version 0.1.0 wrote on another layout of the code still loads, and gives the same numbers."""

import numpy as np
import pytest
import torch

from goldens import FOLDER
from pointlora import apply_method, create_model
from pointlora.adapters.folder import load_adapter, save_adapter
from pointlora.adapters.loading import adapter_parts, load_adapted_model
from pointlora.errors import AdapterError, CheckpointError
from pointlora.inspection import describe
from pointlora.models.pretrained import SHA256

OLD = FOLDER / "old_adapter"


def test_an_old_adapter_gives_the_logits_that_it_gave():
    model, config = load_adapted_model(OLD / "adapter")
    outputs = {name: torch.from_numpy(array) for name, array in np.load(OLD / "outputs.npz").items()}
    with torch.no_grad():
        logits = model(outputs["points"], outputs["category"]).logits
    torch.testing.assert_close(logits, outputs["logits"], atol=1e-5, rtol=0)
    assert logits.std() > 0.05
    assert adapter_parts(OLD / "adapter", config).categories == ("chair", "mug")


def test_an_old_adapter_is_described():
    described = describe(OLD / "adapter")
    assert described["kind"] == "adapter"
    assert described["metrics"] == {"instance_miou": 0.5}
    assert described["intact"]


def test_an_adapter_from_before_the_weights_had_versions_gives_the_logits_that_it_gave():
    folder = FOLDER / "adapter_on_version_1"
    model, config = load_adapted_model(folder / "adapter")
    assert config["base_model"]["checkpoint"] == "point_mae_tiny@1"
    outputs = {name: torch.from_numpy(array) for name, array in np.load(folder / "outputs.npz").items()}
    with torch.no_grad():
        logits = model(outputs["points"]).logits
    torch.testing.assert_close(logits, outputs["logits"], atol=1e-5, rtol=0)


def test_an_adapter_made_in_python_names_the_version_of_its_backbone(tmp_path):
    options = {"num_classes": 3, "head": "linear"}
    model = apply_method(create_model("point_mae_tiny", pretrained="point_mae_tiny@1", **options), "lora")
    save_adapter(model, tmp_path)
    assert describe(tmp_path)["base_checkpoint"] == "point_mae_tiny@1"
    loaded, _ = load_adapted_model(tmp_path)
    points = torch.randn(1, 1024, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(loaded(points).logits, model.eval()(points).logits)


def test_a_backbone_of_another_version_is_refused(tmp_path, monkeypatch):
    options = {"num_classes": 3, "head": "linear"}
    save_adapter(apply_method(create_model("point_mae_tiny", **options), "lora"), tmp_path)
    other = create_model("point_mae_tiny", pretrained="point_mae_tiny@1", **options)
    monkeypatch.setitem(SHA256, "point_mae_tiny", {1: "", 2: ""})
    with pytest.raises(AdapterError, match=r"different base.*pretrained=…\) with point_mae_tiny@1 or point_mae_tiny@2"):
        load_adapter(other, tmp_path)


def test_the_setting_pretrained_is_recorded_as_the_version_that_it_means(tmp_path):
    model = apply_method(create_model("point_mae_tiny", pretrained=True, num_classes=3, head="linear"), "lora")
    save_adapter(model, tmp_path, base_checkpoint="pretrained")
    newest = f"point_mae_tiny@{max(SHA256['point_mae_tiny'])}"
    assert describe(tmp_path)["base_checkpoint"] == newest
    load_adapted_model(tmp_path)


def test_a_version_as_the_base_of_an_adapter():
    folder = FOLDER / "adapter_on_version_1" / "adapter"
    model, _ = load_adapted_model(folder, "point_mae_tiny@1")
    assert torch.equal(model.norm.weight, load_adapted_model(folder)[0].norm.weight)
    with pytest.raises(CheckpointError, match="holds no weights point_mae_tiny@99"):
        load_adapted_model(folder, "point_mae_tiny@99")
    assert describe(folder)["base_checkpoint"] == "point_mae_tiny@1"
