"""ReCon, with both branches and in the plain network."""

import pytest
import torch

from clouds import random_clouds
from goldens import load_golden
from official_files import model_of, official_logits, pretrained_weights, write_official
from pointlora import apply_method, count_parameters, create_model, load_checkpoint
from pointlora.methods.settings import PointLoraConfig
from pointlora.models.recon import ReconBlock

BESIDE = {
    "MAE_decoder.blocks.0.norm1.weight": (48,),
    "mask_token": (1, 1, 48),
    "decoder_pos_embed.0.weight": (128, 3),
    "increase_dim.0.weight": (96, 48, 1),
    "img_encoder.blocks.0.norm1.weight": (768,),
    "img_proj.weight": (768, 48),
    "text_proj.weight": (512, 48),
    "cls_proj.0.weight": (128, 48),
}


@pytest.mark.parametrize(("name", "prefix"), [("small", ""), ("small", "module."), ("full", "module.")])
def test_logits_equal_the_official_ones(tmp_path, name, prefix):
    golden = load_golden(f"recon_cls_{name}")
    model = model_of(golden, "recon")
    report = load_checkpoint(model, write_official(tmp_path / "best.pth", golden.state_dict, prefix))
    assert (report.family, report.stage, report.missing, report.unexpected) == ("recon", "fine-tuned", [], [])
    assert count_parameters(model).total == golden.meta["counts"]["total"]
    assert official_logits(model, golden) < 1e-5


def test_published_size():
    assert count_parameters(create_model("recon", num_classes=15)).total == 43_571_215


def pretrained_file(tmp_path, golden):
    weights = pretrained_weights(golden, "MAE_encoder.", ("cls_head_finetune",), BESIDE)
    return write_official(tmp_path / "recon.pth", weights, "module.")


def test_pretrained_file_into_both_branches(tmp_path):
    golden = load_golden("recon_cls_small")
    model = model_of(golden, "recon")
    report = load_checkpoint(model, pretrained_file(tmp_path, golden))
    assert (report.family, report.stage, report.unexpected) == ("recon", "pre-trained", [])
    assert {key.split(".")[0] for key in report.missing} == {"head"}
    assert sorted(report.ignored) == sorted(BESIDE)
    assert torch.equal(model.text_position, golden.state_dict["text_pos"])
    expected = golden.state_dict["blocks.blocks.1.attn_contrast.kv.weight"]
    assert torch.equal(model.blocks[1].attn_contrast.kv.weight, expected)


def test_pretrained_file_into_the_plain_network_drops_the_second_branch(tmp_path):
    golden = load_golden("recon_cls_small")
    model = model_of(golden, "recon_plain")
    report = load_checkpoint(model, pretrained_file(tmp_path, golden))
    assert (report.family, report.stage, report.unexpected) == ("recon", "pre-trained", [])
    assert {key.split(".")[0] for key in report.missing} == {"head"}
    dropped = [key for key in golden.state_dict if "contrast" in key or key.startswith(("img_", "text_"))]
    assert sorted(report.ignored) == sorted([*(f"MAE_encoder.{key}" for key in dropped), *BESIDE])
    assert torch.equal(model.cls_token, golden.state_dict["cls_token"])
    assert torch.equal(model.blocks[2].norm2.bias, golden.state_dict["blocks.blocks.2.norm2.bias"])


def test_global_tokens_read_the_patches_and_the_patches_do_not_read_them():
    torch.manual_seed(0)
    block = ReconBlock(24, 3).eval()
    tokens = torch.randn(2, 10, 24, requires_grad=True)
    block(tokens)[:, 3:].square().sum().backward()
    assert (tokens.grad[:, :3] == 0).all()
    tokens.grad = None
    block(tokens)[:, 0].square().sum().backward()
    assert (tokens.grad[:, 3:].abs().amax((0, 2)) > 0).all()
    assert (tokens.grad[:, 1:3] == 0).all()


def test_both_branches_are_adapted_or_one():
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 16, "group_size": 8}

    def adapted(config):
        model = apply_method(create_model("recon", **sizes), config)
        return {name.split(".branches")[0] for name, _ in model.named_parameters() if ".branches.lora." in name}

    both = ["attn.qkv", "attn.proj", "attn_contrast.q", "attn_contrast.kv", "attn_contrast.proj"]
    assert adapted("pointlora") == {f"blocks.{index}.{name}" for index in (0, 1) for name in both}
    one = adapted(PointLoraConfig(targets=("attn.qkv", "attn.proj")))
    assert one == {f"blocks.{index}.{name}" for index in (0, 1) for name in both[:2]}


def test_selected_tokens_go_with_the_patches():
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 16, "group_size": 8}
    model = apply_method(create_model("recon", **sizes), "pointlora").eval()
    own, *others = model.embed(model.group(random_clouds(2, 64)))
    sequence = model.method.extend(model.assemble(own), others)
    assert (sequence.num_prefix, sequence.num_patches, sequence.tokens.shape[1]) == (3, 16, 3 + 16 + 4 + 1)
    pooled = model.pool(sequence)
    assert torch.equal(pooled[:, -48:], sequence.tokens[:, 3:].amax(1))
