"""`pointlora-plus`: what it trains, and how large its adapter is, at full size."""

import pytest
import torch

from clouds import random_clouds
from pointlora import apply_method, count_parameters, create_model, method_config, save_adapter
from pointlora.methods.settings.pointlora import PointLoraConfig


@pytest.fixture(scope="module")
def full_size():
    torch.manual_seed(0)
    return apply_method(create_model("point_mae", num_classes=15), "pointlora-plus")


def test_it_trains_at_most_1_7_per_cent(full_size):
    count = count_parameters(full_size)
    lora, head, class_token = 221_184, (3 * 2 * 384 + 1) * 15, 2 * 384
    assert count.trainable == lora + head + class_token
    assert count.share <= 0.017


def test_its_adapter_has_at_most_1_6_megabytes(full_size, tmp_path):
    folder = save_adapter(full_size, tmp_path / "adapter")
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 1.6e6


def test_its_settings():
    config = method_config("pointlora-plus")
    assert config.head_init == "probe"
    assert method_config("pointlora") == PointLoraConfig()
    assert (config.scales, config.prompts, config.train_embedding) == ((), "none", False)


def test_the_tokenizer_keeps_nothing_for_the_backward():
    torch.manual_seed(0)
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8}
    model = apply_method(
        create_model("point_mae", num_classes=3, tokenizer_dims=(16, 24, 32), **sizes), "pointlora-plus"
    )
    model.train()
    own, *_ = model.embed(model.group(random_clouds(2, 64)))
    assert own.tokens.grad_fn is None
    assert own.positions.grad_fn is None


def test_the_head_learns_at_its_own_rate():
    from pointlora.training.optimizer import learning_rate_factors

    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8}
    model = create_model("point_mae", num_classes=3, tokenizer_dims=(16, 24, 32), **sizes)
    apply_method(model, method_config("pointlora-plus", head_lr_factor=0.1))
    factors = learning_rate_factors(model)
    assert factors[id(model.head.weight)] == 0.1
    assert factors[id(model.blocks[0].attn.qkv.branches["lora"].A)] == 1.0
