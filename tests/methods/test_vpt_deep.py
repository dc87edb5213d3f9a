"""VPT-deep: where its prompts stand, how they start, what it trains."""

import math

import pytest
import torch

from clouds import random_clouds
from pointlora import apply_method, count_parameters, create_model, method_config
from pointlora.errors import ConfigError

SIZES = {
    "embed_dim": 24,
    "depth": 3,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (8, 8, 16),
}


def make(**settings):
    torch.manual_seed(0)
    return apply_method(create_model("point_mae", num_classes=4, **SIZES), method_config("vpt_deep", **settings))


def test_the_budget_at_full_size():
    with torch.device("meta"):
        model = apply_method(create_model("point_mae", num_classes=15), "vpt_deep")
    assert count_parameters(model).trainable == 268_303 + 12 * 10 * 384


def test_each_block_sees_prompts_of_its_own_behind_the_class_token():
    model, given, left = make(prompts=5).eval(), [], []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
        block.register_forward_hook(lambda module, inputs, output: left.append(output))
    (last,) = model.encode(random_clouds(2, 64))
    start = model.assemble(model.embed(model.group(random_clouds(2, 64)))[0])
    before = start.tokens
    for index, tokens in enumerate(given):
        assert torch.equal(tokens[:, 1:6], model.method.block_prompts[index].expand(2, -1, -1))
        assert torch.equal(torch.cat([tokens[:, :1], tokens[:, 6:]], 1), before + start.positions)
        before = torch.cat([left[index][:, :1], left[index][:, 6:]], 1)
    assert (last.num_prefix, last.num_prompts, last.num_patches) == (1, 5, 16)
    assert len(given) == 3


def test_prompts_start_in_the_bound_of_the_paper():
    prompts = torch.stack([*make(prompts=50).method.block_prompts])
    bound = math.sqrt(6 / (3 * 8 + 24))
    assert 0.98 * bound < prompts.abs().max() <= bound
    assert prompts.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_dropout_acts_on_the_prompts_of_each_cloud_in_training():
    method = make(prompts=50, dropout=0.5).train().method
    sequence = make().assemble(make().embed(make().group(random_clouds(2, 64)))[0])
    dropped = method.of_block(1, sequence)
    assert 0.4 < (dropped == 0).float().mean() < 0.6
    assert not torch.equal(dropped[0], dropped[1])
    assert not (method.eval().of_block(1, sequence) == 0).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompts": 0}, "prompts is 0, but it must be a positive integer"),
        ({"dropout": 1.0}, r"dropout is 1.0, but it must be in \[0, 1"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        method_config("vpt_deep", **settings)
