"""PPT against its release."""

import pytest
import torch
from torch import nn

from clouds import random_clouds
from goldens import load_golden
from pointlora import apply_method, count_parameters, create_model, load_checkpoint, method_config
from pointlora.errors import ConfigError
from pointlora.inspection.weights import describe_weights

SIZES = {"embed_dim": 24, "depth": 2, "num_heads": 3, "num_groups": 16, "group_size": 8}


def test_logits_and_counts_equal_the_release(tmp_path):
    golden = load_golden("ppt_small")
    config = golden.meta["config"]
    model = create_model("point_mae", num_classes=15, embed_dim=config["embed_dim"], depth=config["depth"])
    apply_method(model, "ppt").eval()
    report = load_checkpoint(model, golden.state_dict)
    assert (report.missing, report.unexpected, report.ignored) == ([], [], [])
    with torch.no_grad():
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits"], atol=1e-5, rtol=0)
    count = count_parameters(model)
    assert (count.trainable, count.total) == (golden.meta["counts"]["trainable"], golden.meta["counts"]["total"])
    torch.save(golden.state_dict, tmp_path / "ppt.pth")
    assert describe_weights(tmp_path / "ppt.pth")["tuning"] == "PPT"


def test_the_budget_at_full_size():
    count = count_parameters(apply_method(create_model("point_mae", num_classes=15), "ppt"))
    assert (count.trainable, count.total) == (1_042_191, 22_783_375)


def test_the_prompts_are_the_patches_tokenized_once_and_the_statistics_move_twice():
    torch.manual_seed(0)
    plain = create_model("point_mae", **SIZES).train()
    before = plain.tokenizer.first_conv[1].running_mean.clone()
    points, calls = random_clouds(2, 64), []
    own = plain.embed(plain.group(points))[0]
    plain.embed(plain.group(points))
    twice = plain.tokenizer.first_conv[1].running_mean.clone()
    plain.tokenizer.first_conv[1].running_mean.copy_(before)
    model = apply_method(plain, "ppt").train()
    model.tokenizer.register_forward_hook(lambda module, inputs, output: calls.append(output.shape))
    own, prompts = model.embed(model.group(points))
    assert len(calls) == 1
    assert torch.equal(own.tokens, prompts.tokens)
    torch.testing.assert_close(model.tokenizer.first_conv[1].running_mean, twice)
    sequence = model.method.extend(model.assemble(own), [prompts])
    assert torch.equal(sequence.others, own.tokens)
    assert torch.equal(sequence.positions[:, 1:17], sequence.positions[:, 17:])


def test_one_mlp_acts_beside_each_blocks_own_on_what_is_not_normalised():
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae", **SIZES), "ppt").eval()
    block, tokens = model.blocks[1], torch.randn(2, 33, 24)
    own, *others = model.embed(model.group(random_clouds(2, 64)))
    sequence = model.method.extend(model.assemble(own), others)._replace(tokens=tokens)
    given = model.method.before_block(1, sequence).tokens
    assert torch.equal(given[:, :1], tokens[:, :1])
    torch.testing.assert_close(given[:, 1:17], tokens[:, 1:17] + model.method.before.patch(tokens[:, 1:17]))
    torch.testing.assert_close(given[:, 17:], tokens[:, 17:] + model.method.before.selected(tokens[:, 17:]))
    found = model.method.after_block(1, sequence._replace(tokens=block(given))).tokens
    attended = given + block.attn(block.norm1(given))
    expected = attended + block.mlp(block.norm2(attended)) + model.method.beside(attended)
    torch.testing.assert_close(found, expected)


def test_its_head_has_gelus_and_starts_small():
    head = apply_method(create_model("point_mae", **SIZES), "ppt").head
    assert [type(layer) for layer in head if isinstance(layer, (nn.GELU, nn.ReLU))] == [nn.GELU, nn.GELU]
    assert head[0].in_features == 3 * 24
    assert head[0].weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_bad_settings_are_named():
    with pytest.raises(ConfigError, match="hidden is 0, but it must be a positive integer"):
        method_config("ppt", hidden=0)
