import csv
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.create import create_model
from pointlora.models.pretrained import SHA256
from pointlora.recipes.files import from_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.model_factory import build_autoencoder
from pointlora.training.pretraining.run import pretrain
from training_runs import SIZES, tiny_pretraining


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain") / "run"
    recipe = tiny_pretraining(folder, epochs=12, samples_per_epoch=32)
    return folder, pretrain(from_mapping(PretrainRecipe, recipe))


def test_the_loss_falls(run):
    rows = list(csv.DictReader((run[0] / "metrics.csv").open()))
    assert [row["steps"] for row in rows] == ["4"] * 12
    losses = [float(row["train_loss"]) for row in rows]
    assert sum(losses[-4:]) / 4 < 0.8 * losses[0]
    assert run[1]["train_loss"] == float(rows[-1]["train_loss"])


def test_the_weights_load_into_both_tasks(run):
    file = run[0] / "model.safetensors"
    whole = create_model("point_mae", "pretraining", **SIZES)
    assert load_checkpoint(whole, file).missing == []
    classifier = create_model("point_mae", "classification", num_classes=3, **SIZES)
    report = load_checkpoint(classifier, file)
    assert torch.equal(classifier.blocks[0].attn.qkv.weight, whole.encoder.blocks[0].attn.qkv.weight)
    assert all(name.startswith(("head.", "cls_")) for name in report.missing)


def test_the_file_says_what_it_is(run):
    with safe_open(run[0] / "model.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["model"] == "point_mae"
    assert json.loads(metadata["sizes"])["embed_dim"] == SIZES["embed_dim"]
    assert json.loads(metadata["recipe"])["training"]["epochs"] == 12


def test_a_run_goes_on_from_an_encoder_and_its_teacher_begins_there():
    recipe = {
        "model": {"name": "point_mae_tiny", "checkpoint": "point_mae_tiny@1"},
        "objective": {"latent": 1.0},
        "data": {"name": "procedural", "num_points": 1024},
    }
    model = build_autoencoder(from_mapping(PretrainRecipe, recipe), 0)
    encoder, teacher = model.encoder.state_dict(), model.teacher.encoder.state_dict()
    assert encoder.keys() == teacher.keys()
    assert all(torch.equal(value, teacher[name]) for name, value in encoder.items())
    assert encoder["tokenizer.first_conv.1.num_batches_tracked"] > 100


def test_the_recipe_in_the_folder_names_the_version_of_the_weights(tmp_path):
    options = {"num_points": 1024, "train_size": 8, "test_size": 2}
    recipe = {
        "model": {"name": "point_mae_tiny", "checkpoint": "pretrained"},
        "objective": {"contrast": 1.0},
        "data": {"name": "procedural", "num_points": 1024, "options": options},
        "training": {"epochs": 1, "batch_size": 4, "workers": 0, "tensorboard": False, "precision": "32"},
        "output": str(tmp_path / "run"),
    }
    results = pretrain(from_mapping(PretrainRecipe, recipe))
    newest = f"point_mae_tiny@{max(SHA256['point_mae_tiny'])}"
    assert results["recipe"]["model"]["checkpoint"] == newest
    assert f"checkpoint: {newest}" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.parametrize("first", [{}, {"contrast": 1.0}, {"contrast": 1.0, "category": 1.0, "latent": 1.0}])
@pytest.mark.parametrize("then", [{}, {"category": 1.0}, {"latent": 1.0}])
def test_a_run_may_go_on_with_other_objectives(tmp_path, first, then):
    def model(objective, checkpoint):
        recipe = tiny_pretraining(tmp_path / "run")
        recipe["objective"], recipe["model"]["checkpoint"] = objective, checkpoint
        return build_autoencoder(from_mapping(PretrainRecipe, recipe), 3)

    before, file = model(first, None), tmp_path / "model.safetensors"
    state = {name: value for name, value in before.state_dict().items() if not name.startswith("teacher.")}
    save_file(state, file, {"model": "point_mae"})
    after = model(then, str(file))
    for name, value in after.state_dict().items():
        if name in state and not name.startswith("encoder.cls_"):
            assert torch.equal(value, state[name]), name
    if then.get("latent"):
        assert torch.equal(after.teacher.encoder.norm.weight, before.encoder.norm.weight)
