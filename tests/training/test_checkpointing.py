"""Checkpointed blocks: the same gradients, bit for bit, for less memory."""

import pytest
import torch

import pointlora
from clouds import random_clouds
from pointlora.training.checkpointing import checkpointed_blocks
from pointlora.training.fit import fine_tune
from pointlora.training.recipe import TrainRecipe
from pointlora.training.recipe_files import from_mapping
from training_runs import SIZES, tiny_recipe


def make_model(name):
    torch.manual_seed(0)
    model = pointlora.create_model(name, num_classes=3, **(SIZES | {"depth": 8}))  # in few blocks, the tokenizer counts
    pointlora.apply_method(model, "pointlora")
    return model.train()


def gradients(model, wanted):
    """Gradients of a step, and the bytes that the forward keeps for the backward."""
    kept = 0

    def pack(tensor):
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    torch.manual_seed(1)  # of dropout and drop path
    with checkpointed_blocks(model, wanted) as count, torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        assert count == (sum(type(m).__name__.endswith("Block") for m in model.modules()) if wanted else 0)
        output = model(random_clouds(4, 128))
        forward = kept
        (output.logits.square().sum() + output.auxiliary_loss).backward()
    assert all("forward" not in vars(module) for module in model.modules())
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, forward


@pytest.mark.parametrize("name", ["point_mae", "recon", "point_gpt_s"])
def test_gradients_are_the_same_for_less_memory(name):
    (plain, much), (checked, less) = (gradients(make_model(name), wanted) for wanted in (False, True))
    assert len(plain) > 10
    assert plain.keys() == checked.keys()
    assert all(torch.equal(value, checked[key]) for key, value in plain.items())
    assert less < 0.6 * much


def test_a_run_ends_alike(tmp_path):
    results = [
        fine_tune(from_mapping(TrainRecipe, tiny_recipe(tmp_path / str(wanted), gradient_checkpointing=wanted)))
        for wanted in (False, True)
    ]
    assert results[0]["confusion_matrix"] == results[1]["confusion_matrix"]
    rows = [(tmp_path / str(wanted) / "metrics.csv").read_text().splitlines()[1:] for wanted in (False, True)]
    # All but the last two columns, which are times.
    assert [row.rsplit(",", 2)[0] for row in rows[0]] == [row.rsplit(",", 2)[0] for row in rows[1]]
