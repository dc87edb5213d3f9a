"""Every setting of PointLoRA that an ablation varies: training, saving, loading, merging, and what it trains."""

from typing import Any

import pytest
import torch

from clouds import random_clouds
from model_names import TINY
from pointlora import PointLoraConfig, apply_method, create_model, load_adapter, merge_lora, save_adapter

FIRST, SECOND = [16, 8, 4], [8, 16, 2, 0.25]
ABLATIONS: dict[str, dict[str, Any]] = {
    "rank 0": {"rank": 0},
    "rank 16": {"rank": 16},
    "qkv": {"targets": ["qkv"]},
    "qkv and proj": {"targets": ["qkv", "proj"]},
    "qkv and ffn": {"targets": ["qkv", "fc1", "fc2"]},
    "all": {"targets": ["qkv", "proj", "fc1", "fc2"]},
    "no scale": {"scales": []},
    "first scale": {"scales": [FIRST]},
    "second scale": {"scales": [SECOND]},
    "random": {"scorer": "random"},
    "straight through": {"straight_through": True},
    "polarize": {"mask_loss": "polarize"},
    "no mask loss": {"mask_loss": "none"},
    "prompts per block": {"prompts": "per_block"},
    "prompts per block from zero, no scale": {"prompts": "per_block", "prompt_init": "zero", "scales": []},
    "no prompts": {"prompts": "none"},
    "frozen statistics": {"tokenizer_batchnorm": "frozen"},
    "prompts from zero": {"prompt_init": "zero"},
    "dora": {"dora": True, "scales": []},
    "pissa": {"lora_init": "pissa", "scales": []},
}


def tuned(settings, seed=0):
    torch.manual_seed(seed)
    return apply_method(create_model("point_mae_tiny", **TINY), PointLoraConfig(**{"rank": 4, **settings}))


def take_steps(model, steps=2):
    """Train; the names of parameters that got a gradient."""
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(steps):
        torch.manual_seed(step)
        output = model(random_clouds(4, 100, seed=step))
        optimizer.zero_grad()
        (output.logits.square().mean() + output.auxiliary_loss).backward()
        optimizer.step()
    return {name for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("settings", ABLATIONS.values(), ids=ABLATIONS)
def test_trains_what_it_says_and_comes_back_from_its_folder(tmp_path, settings):
    model = tuned(settings)
    assert take_steps(model) == {name for name, p in model.named_parameters() if p.requires_grad}
    model.eval()
    points = random_clouds(3, 100, seed=9)
    logits = model(points).logits
    torch.testing.assert_close(model(points[1:2]).logits, logits[1:2], atol=1e-5, rtol=1e-5)
    save_adapter(model, tmp_path)
    torch.manual_seed(0)
    again = load_adapter(create_model("point_mae_tiny", **TINY), tmp_path).eval()
    assert torch.equal(again(points).logits, logits)
    if settings.get("rank") != 0:
        torch.testing.assert_close(merge_lora(again)(points).logits, logits, atol=1e-4, rtol=1e-4)


def trained(settings):
    return sum(p.numel() for p in tuned(settings).parameters() if p.requires_grad)


def test_trained_parameters_by_hand():
    whole = trained({})
    scorer = 24 * 12 + 12 + 12 + 1
    # Hidden width 32: patch and selected 24 -> 24, qkv 24 -> 72, proj 24 -> 24.
    to_width = 24 * 32 + 32 + 32 * 24 + 24
    prompts = 3 * to_width + 24 * 32 + 32 + 32 * 72 + 72
    assert whole - trained({"scorer": "random"}) == scorer
    assert whole - trained({"mask_loss": "none"}) == scorer  # nothing would train it
    assert whole == trained({"mask_loss": "none", "straight_through": True})
    assert whole - trained({"prompts": "none"}) == prompts
    assert trained({"prompts": "per_block"}) - whole == prompts  # two blocks instead of one set
    assert whole - trained({"scales": []}) == scorer + to_width
    assert whole - trained({"targets": ["qkv"]}) == 2 * 4 * (24 + 24)
    assert trained({"targets": ["qkv", "proj", "fc1", "fc2"]}) - whole == 2 * 4 * (2 * (24 + 96))


def test_blocks_have_prompts_of_their_own():
    model = tuned({"prompts": "per_block", "scales": []}).eval()
    points = random_clouds(2, 100)
    before = model(points).logits
    first, second = model.method.prompts_of(0), model.method.prompts_of(1)
    assert first is not second
    assert model.blocks[0].attn.qkv.branches["prompt"]._shared[0] is first.layers["qkv"]
    assert model.blocks[1].attn.proj.branches["prompt"]._shared[0] is second.layers["proj"]
    with torch.no_grad():
        second.patch.last.bias += torch.arange(24) * 0.1
    tokens = torch.randn(2, 17, 24)
    sequence = model.assemble(model.embed(model.group(points))[0])._replace(tokens=tokens)
    shifted = model.method.before_block(1, sequence).tokens - tokens
    assert shifted[:, 1:, -1].mean() > 2
    assert model.method.before_block(0, sequence).tokens[:, 1:].sub(tokens[:, 1:]).abs().max() < 1
    assert not torch.equal(model(points).logits, before)


def test_random_selection_draws_in_training_and_is_fixed_in_evaluation():
    model = tuned({"scorer": "random"}).train()
    points = random_clouds(2, 100)

    def chosen(seed):
        torch.manual_seed(seed)
        return model(points).selected[0]

    with torch.no_grad():
        assert torch.equal(chosen(1), chosen(1))
        assert not torch.equal(chosen(1), chosen(2))
        model.eval()
        assert torch.equal(chosen(1), chosen(2))
        assert model(points).auxiliary_loss.item() == 0
        assert len(model(points).selected[0][0].unique(dim=0)) == 4
