"""`pointlora-plus`: what it trains, and how large its adapter is, at full size."""

import pytest
import torch

from clouds import random_clouds
from pointlora import apply_method, count_parameters, create_model, load_adapter, method_config, save_adapter
from pointlora.methods.settings.pointlora import PointLoraConfig


@pytest.fixture(scope="module")
def full_size():
    torch.manual_seed(0)
    return apply_method(create_model("point_mae", num_classes=15), "pointlora-plus")


def test_it_trains_at_most_1_7_per_cent(full_size):
    count = count_parameters(full_size)
    lora, width = 221_184 // 2, 2 * 3 * 2 * 384
    linear, hidden = (width + 1) * 15, (width + 1) * 32 + (32 + 1) * 15
    assert count.trainable == lora + linear + hidden
    assert count.share <= 0.017


def test_its_adapter_has_at_most_1_6_megabytes(full_size, tmp_path):
    folder = save_adapter(full_size, tmp_path / "adapter")
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 1.6e6


def test_its_settings():
    config = method_config("pointlora-plus")
    assert (config.head_init, config.readout) == ("probe", "paired")
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


def test_no_gradient_goes_to_the_lower_half_of_the_blocks_nor_through_the_second_scale():
    torch.manual_seed(0)
    sizes = {"embed_dim": 48, "depth": 4, "num_heads": 3, "num_groups": 8, "group_size": 8}
    model = create_model("point_mae", num_classes=3, tokenizer_dims=(16, 24, 32), **sizes)
    sequences = apply_method(model, "pointlora-plus").train().encode(random_clouds(2, 64), (1, 2))
    assert [sequence.num_patches for sequence in sequences] == [4, 4, 8, 8]
    assert [sequence.tokens.requires_grad for sequence in sequences] == [False, False, False, True]
    assert not hasattr(model.blocks[1].attn.qkv, "branches")


@pytest.mark.parametrize(("readout", "trained"), [("paired", False), ("scales", True), ("published", True)])
def test_a_class_token_that_a_paired_head_was_fitted_to_stays_as_it_is(readout, trained):
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8}
    model = create_model("point_mae", num_classes=3, tokenizer_dims=(16, 24, 32), pooling=["class_token"], **sizes)
    apply_method(model, method_config("pointlora-plus", readout=readout))
    assert model.cls_token.requires_grad == model.cls_position.requires_grad == trained


def test_its_adapter_holds_the_class_token_that_the_head_reads(tmp_path):
    """Many pre-trained files have none: then it is random."""
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8, "num_classes": 3}
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae", tokenizer_dims=(16, 24, 32), **sizes), "pointlora-plus").eval()
    fresh = create_model("point_mae", tokenizer_dims=(16, 24, 32), **sizes)
    backbone = {name: value for name, value in model.state_dict().items() if name in fresh.state_dict()}
    fresh.load_state_dict({n: v for n, v in backbone.items() if not n.startswith(("cls_", "head."))}, strict=False)
    assert not torch.equal(fresh.cls_token, model.cls_token)
    loaded = load_adapter(fresh, save_adapter(model, tmp_path / "adapter")).eval()
    points = random_clouds(2, 64)
    assert torch.equal(loaded(points).logits, model(points).logits)


def test_the_head_learns_at_its_own_rate():
    from pointlora.training.optimizer import learning_rate_factors

    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8}
    model = create_model("point_mae", num_classes=3, tokenizer_dims=(16, 24, 32), **sizes)
    apply_method(model, method_config("pointlora-plus", head_lr_factor=0.1))
    factors = learning_rate_factors(model)
    assert {factors[id(parameter)] for parameter in model.head.parameters()} == {0.1}
    assert factors[id(model.blocks[1].attn.qkv.branches["lora"].A)] == 1.0
