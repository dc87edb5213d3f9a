"""DAPT against its release."""

import pytest
import torch
from torch.nn import functional

from clouds import random_clouds
from goldens import load_golden
from pointlora import apply_method, count_parameters, create_model, load_checkpoint, method_config
from pointlora.errors import ConfigError
from pointlora.inspection.weights import describe_weights
from pointlora.methods.dapt import Adapter

SIZES = {"embed_dim": 24, "depth": 3, "num_heads": 3, "num_groups": 16, "group_size": 8}


def test_logits_and_counts_equal_the_release(tmp_path):
    golden = load_golden("dapt_small")
    config = golden.meta["config"]
    model = create_model("point_mae", num_classes=15, embed_dim=config["trans_dim"], depth=config["depth"])
    apply_method(model, method_config("dapt", rank=config["rank"])).eval()
    report = load_checkpoint(model, golden.state_dict)
    assert (report.missing, report.unexpected, report.ignored) == ([], [], [])
    with torch.no_grad():
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits"], atol=1e-5, rtol=0)
    count = count_parameters(model)
    assert (count.trainable, count.total) == (golden.meta["counts"]["trainable"], golden.meta["counts"]["total"])
    torch.save(golden.state_dict, tmp_path / "dapt.pth")
    assert describe_weights(tmp_path / "dapt.pth")["tuning"] == "DAPT"


def test_the_budget_at_full_size():
    count = count_parameters(apply_method(create_model("point_mae", num_classes=15), "dapt"))
    assert (count.trainable, count.total) == (1_087_771, 22_912_795)


def test_an_adapter_by_hand():
    torch.manual_seed(0)
    adapter = Adapter(6, 4, dropout=0.0)
    x, y = torch.randn(2, 5, 6), torch.randn(2, 5, 6)
    assert torch.equal(adapter(x, y), y)
    torch.nn.init.normal_(adapter.up.weight)
    v = functional.layer_norm(x, (6,))
    hidden = functional.gelu(v @ adapter.down.weight.T)
    added = hidden @ adapter.up.weight.T * functional.relu(v @ adapter.weight.weight.T + adapter.weight.bias)
    adapter.listen()
    torch.testing.assert_close(adapter(x, y), y + added)
    torch.testing.assert_close(adapter.heard(), added)


def test_each_block_leaves_a_prompt_and_the_newest_stands_first():
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae", **SIZES), method_config("dapt", rank=3)).eval()
    seen = []
    for number, block in enumerate(model.blocks):
        block.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
        # Adapters start at zero: then a prompt is its shift alone.
        torch.nn.init.constant_(model.method.prompts[number].beta, number + 1.0)
    (last,) = model.encode(random_clouds(2, 64))
    assert [tokens.shape[1] for tokens in seen] == [17, 18, 19]
    assert torch.equal(seen[1][:, 1], torch.full((2, 24), 1.0))
    assert torch.equal(seen[2][:, 1], torch.full((2, 24), 2.0))
    assert (last.num_prefix, last.num_prompts, last.num_patches) == (1, 3, 16)


def test_positions_are_added_once():
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae", **SIZES), method_config("dapt", rank=3)).eval()
    own, *others = model.embed(model.group(random_clouds(2, 64)))
    sequence = model.method.extend(model.assemble(own), others)
    assert not sequence.positions.any()
    expected = torch.addcmul(model.method.patches.beta, own.tokens, model.method.patches.gamma) + own.positions
    torch.testing.assert_close(sequence.patches, expected)
    torch.testing.assert_close(sequence.prefix, (model.cls_token + model.cls_position).expand(2, -1, -1))


def test_adapter_and_mlp_share_the_drop_path():
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae", **SIZES, drop_path_rate=0.9), method_config("dapt", rank=3)).train()
    block, tokens = model.blocks[2], torch.randn(64, 5, 24)
    adapter = model.method._adapters[2]
    torch.nn.init.normal_(adapter.up.weight)
    fed = []
    block.mlp.register_forward_hook(lambda module, inputs, output: fed.append(output))
    block.attn.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    change = block(tokens) - tokens
    dropped = change.flatten(1).abs().amax(1) == 0
    assert 0.7 < dropped.float().mean() < 1
    torch.testing.assert_close(change[~dropped], fed[0][~dropped] / 0.1, atol=1e-4, rtol=1e-4)


def test_bad_settings_are_named():
    for settings, message in (
        ({"rank": 0}, "rank is 0"),
        ({"dropout": 1.0}, r"dropout is 1.0, but it must be in \[0, 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            method_config("dapt", **settings)
