"""Checkpointed blocks and recomputed frozen parts: the same gradients for less memory."""

import contextlib

import pytest
import torch

import pointlora
from clouds import random_clouds
from pointlora.layers import linear
from pointlora.recipes.files import from_mapping
from pointlora.recipes.method import method_config
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.checkpointing import checkpointed
from pointlora.training.fit import fine_tune
from process_groups import run_ranks
from training_runs import SIZES, differences, run_process, tiny_recipe

SIGKILLED = -9
needs_bfloat16 = pytest.mark.skipif(linear._BFLOAT16_PRODUCT is None, reason="oneDNN has no bfloat16 product here")


@pytest.fixture(params=["products", "torch alone"])
def _products(request, monkeypatch):
    """With the library's own products for every size, and without them, as on other devices."""
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)
    if request.param == "torch alone":
        monkeypatch.setattr(linear, "_PRODUCT", None)
        monkeypatch.setattr(linear, "_BFLOAT16_PRODUCT", None)


def make_model(name, method="pointlora", task="classification", **settings):
    torch.manual_seed(0)
    sizes = SIZES | {"depth": 4, "embed_dim": 48, "num_heads": 3}  # in few and narrow blocks, other things count
    heads = {"num_classes": 3} if task == "classification" else {"num_parts": 4, "num_categories": 0}
    model = pointlora.create_model(name, task, **sizes, **heads)
    if method in ("pointlora", "lora"):
        settings = {"rank": 2, "prompt_dim": 4, **settings}
    return pointlora.apply_method(model, method_config({"name": method, **settings})).train()


def step(model, wanted, bf16=False):
    """Gradients and buffers after a step, and the bytes of activations that the forward keeps for the backward."""
    known = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    torch.manual_seed(1)  # of dropout and drop path
    saving = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=bf16)
    with checkpointed(model, wanted) as count:
        blocks = sum(type(module).__name__.endswith("Block") for module in model.modules())
        assert count > blocks if wanted == "frozen" else count == wanted * blocks
        with saving, autocast:
            output = model(random_clouds(4, 128))
            loss = output.logits.float().square().sum() + output.auxiliary_loss
        size = sum(t.untyped_storage().nbytes() for key, t in kept.items() if key not in known)
        kept.clear()
        loss.backward()
    assert all("forward" not in vars(module) and "recomputes" not in vars(module) for module in model.modules())
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return gradients, dict(model.named_buffers()), size


def assert_equal(found, expected, tolerance):
    """Gradients relative to the largest of each parameter, where that is more than rounding; buffers exactly."""
    assert found[0].keys() == expected[0].keys()
    everything = max(float(gradient.abs().max()) for gradient in expected[0].values())
    for name, gradient in expected[0].items():
        largest = max(float(gradient.abs().max()), 1e-3 * everything)
        torch.testing.assert_close(found[0][name], gradient, atol=tolerance * largest, rtol=0, msg=name)
    assert all(torch.equal(value, expected[1][name]) for name, value in found[1].items())


@pytest.mark.parametrize("name", ["point_mae", "recon", "point_gpt_s"])
def test_checkpointed_blocks_have_the_same_gradients_for_less_memory(name):
    (plain, _, much), (checked, _, less) = (step(make_model(name), wanted) for wanted in (False, True))
    assert len(plain) > 10
    assert plain.keys() == checked.keys()
    assert all(torch.equal(value, checked[key]) for key, value in plain.items())
    assert less < 0.6 * much


@pytest.mark.parametrize("name", ["point_mae", "point_bert", "recon", "point_gpt_s"])
def test_recomputed_frozen_parts_have_the_same_gradients_for_less_memory(name, monkeypatch):
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)
    usual, again = (step(make_model(name), wanted) for wanted in (False, "frozen"))
    assert len(usual[0]) > 10
    assert_equal(again, usual, 1e-6)
    assert again[2] < 0.8 * usual[2]


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({}, 0.8),
        ({"method": "lora", "dropout": 0.4}, 0.85),
        ({"tokenizer_batchnorm": "frozen"}, 0.8),
        ({"prompts": "none", "targets": ("fc1", "fc2")}, 1),
        ({"task": "part_segmentation"}, 0.9),
    ],
)
@pytest.mark.usefixtures("_products")
def test_other_settings_and_methods(settings, share):
    usual, again = (step(make_model("point_mae", **settings), wanted) for wanted in (False, "frozen"))
    assert_equal(again, usual, 1e-6)
    assert again[2] < share * usual[2]


@needs_bfloat16
@pytest.mark.usefixtures("_products")
def test_in_bfloat16_gradients_are_equal_within_its_rounding():
    usual, again = (step(make_model("point_mae"), wanted, bf16=True) for wanted in (False, "frozen"))
    assert_equal(again, usual, 1e-2)
    assert again[2] < 0.9 * usual[2]


@pytest.mark.parametrize("method", ["full", "bitfit"])
@pytest.mark.usefixtures("_products")
def test_trained_parts_are_computed_as_usual(method):
    usual, again = (step(make_model("point_mae", method), wanted) for wanted in (False, "frozen"))
    assert_equal(again, usual, 0)
    assert again[2] == usual[2]


def test_evaluation_and_a_model_outside_are_as_usual():
    model = make_model("point_mae").eval()
    clouds = random_clouds(4, 128)
    with torch.no_grad():
        expected = model(clouds).logits
        with checkpointed(model, "frozen"):
            assert torch.equal(model(clouds).logits, expected)
    with contextlib.suppress(ValueError), checkpointed(model, "frozen"):
        raise ValueError
    assert not any(getattr(module, "recomputes", False) for module in model.modules())


def end_of(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_runs_end_alike(tmp_path, precision):
    for wanted in (False, True, "frozen"):
        recipe = tiny_recipe(tmp_path / str(wanted), gradient_checkpointing=wanted, precision=precision)
        assert run_process(recipe) == 0
    usual = end_of(tmp_path / "False")
    assert differences(end_of(tmp_path / "True"), usual) == []
    assert differences(end_of(tmp_path / "frozen"), usual) == []


def test_a_killed_run_goes_on_with_recomputed_parts_and_ends_alike(tmp_path):
    whole = tiny_recipe(tmp_path / "whole", gradient_checkpointing="frozen")
    killed = tiny_recipe(tmp_path / "killed", gradient_checkpointing="frozen", checkpoint_every_steps=1)
    assert run_process(whole) == 0
    assert run_process(killed, kill_at=5) == SIGKILLED
    assert run_process(killed) == 0
    assert differences(end_of(tmp_path / "killed"), end_of(tmp_path / "whole")) == []


def train(recipe):
    """In each of several processes."""
    return fine_tune(from_mapping(TrainRecipe, recipe)).get("confusion_matrix")


def test_two_processes_end_alike(tmp_path):
    matrices = []
    for wanted in (False, "frozen"):
        recipe = tiny_recipe(tmp_path / str(wanted), gradient_checkpointing=wanted, epochs=2)
        matrices.append(run_ranks(train, recipe)[0])
    assert matrices[0] == matrices[1] is not None
    assert differences(end_of(tmp_path / "frozen"), end_of(tmp_path / "False")) == []
