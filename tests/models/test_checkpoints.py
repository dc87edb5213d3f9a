import numpy as np
import pytest
import torch

from goldens import load_golden
from pointlora import apply_method, create_model, load_checkpoint
from pointlora.errors import CheckpointError

SIZES = {"embed_dim": 48, "depth": 3}


def official_file(path, weights, prefix=""):
    content = {
        "base_model": {prefix + key: value for key, value in weights.items()},
        "epoch": 3,
        "metrics": {"acc": np.float64(0.9)},
    }
    torch.save(content, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
def test_fine_tuned_file(tmp_path, prefix):
    golden = load_golden("point_mae_cls_small")
    model = create_model("point_mae", num_classes=15, num_groups=64, **SIZES).eval()
    report = load_checkpoint(model, official_file(tmp_path / "best.pth", golden.state_dict, prefix))
    assert (report.family, report.stage, report.missing, report.unexpected) == ("point_mae", "fine-tuned", [], [])
    with torch.no_grad():
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_pretrained_file_into_a_classifier(tmp_path, prefix):
    golden = load_golden("point_mae_pretrain_small")
    model = create_model("point_mae", num_classes=15, **SIZES)
    report = load_checkpoint(model, official_file(tmp_path / "pretrain.pth", golden.state_dict, prefix))
    assert report.stage == "pre-trained"
    assert {key.split(".")[0] for key in report.missing} == {"cls_token", "cls_position", "head"}
    assert report.unexpected == []
    assert all(
        "decoder" in key or key.split(".")[0] in ("mask_token", "increase_dim", "MAE_decoder") for key in report.ignored
    )
    expected = golden.state_dict["MAE_encoder.encoder.second_conv.0.weight"].squeeze(-1)
    assert torch.equal(model.tokenizer.second_conv[0].weight, expected)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_files_of_the_pointlora_release(tmp_path, prefix):
    golden = load_golden("pointlora_small")
    model = apply_method(create_model("point_mae", num_classes=15, **SIZES), "pointlora").eval()
    path = official_file(tmp_path / "ckpt-best.pth", golden.state_dict, prefix)
    report = load_checkpoint(model, path)
    assert (report.missing, report.unexpected) == ([], [])
    with torch.no_grad():
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits"], atol=1e-5, rtol=0)
    with pytest.raises(CheckpointError, match="apply_method"):
        load_checkpoint(create_model("point_mae", num_classes=15, **SIZES), path)


@pytest.mark.parametrize("first", ["load", "apply"])
def test_a_backbone_can_be_loaded_before_or_after_the_method_is_applied(first):
    golden = load_golden("point_mae_cls_small")
    model = create_model("point_mae", num_classes=15, **SIZES)
    if first == "load":
        load_checkpoint(model, golden.state_dict)
        apply_method(model, "pointlora")
    else:
        apply_method(model, "pointlora")
        report = load_checkpoint(model, golden.state_dict, strict=False)
        assert all(key.startswith("method.") or ".branches." in key for key in report.missing)
    assert torch.equal(model.blocks[0].attn.qkv.weight, golden.state_dict["blocks.blocks.0.attn.qkv.weight"])


def test_fine_tuned_encoder_into_the_autoencoder():
    golden = load_golden("point_mae_cls_small")
    model = create_model("point_mae", task="pretraining", **SIZES)
    report = load_checkpoint(model, golden.state_dict)
    assert torch.equal(model.encoder.norm.weight, golden.state_dict["norm.weight"])
    assert report.unexpected == []


def test_own_files_round_trip(tmp_path):
    from safetensors.torch import save_file

    model = create_model("point_mae", task="pretraining", decoder_depth=1, **SIZES)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other = create_model("point_mae", num_classes=4, **SIZES)
    report = load_checkpoint(other, tmp_path / "model.safetensors")
    assert (report.family, report.stage) == ("pointlora", "pre-trained")
    assert torch.equal(other.blocks[2].mlp.fc1.weight, model.encoder.blocks[2].mlp.fc1.weight)


def test_wrong_sizes_are_named():
    golden = load_golden("point_mae_cls_small")
    with pytest.raises(CheckpointError, match=r"head\.8\.weight has shape \(15, 256\), but the model needs \(7, 256\)"):
        load_checkpoint(create_model("point_mae", num_classes=7, **SIZES), golden.state_dict)
    with pytest.raises(CheckpointError, match=r"place for.*blocks\.2"):
        load_checkpoint(create_model("point_mae", num_classes=15, embed_dim=48, depth=2), golden.state_dict)
    with pytest.raises(CheckpointError, match=r"lacks 11 weights.*blocks\.3"):
        load_checkpoint(create_model("point_mae", num_classes=15, embed_dim=48, depth=4), golden.state_dict)


def test_a_lost_weight_is_an_error_and_the_model_is_reported_without_strict():
    weights = load_golden("point_mae_cls_small").state_dict
    del weights["blocks.blocks.1.attn.proj.bias"]
    weights["stranger"] = torch.ones(3)
    model = create_model("point_mae", num_classes=15, **SIZES)
    before = model.norm.weight.detach().clone()
    with pytest.raises(CheckpointError, match=r"lacks 1 weights.*blocks\.1\.attn\.proj\.bias"):
        load_checkpoint(model, weights)
    assert torch.equal(model.norm.weight, before)
    report = load_checkpoint(model, weights, strict=False)
    assert report.missing == ["blocks.1.attn.proj.bias"]
    assert report.unexpected == ["stranger"]


def test_bad_files_are_named(tmp_path):
    model = create_model("point_mae", **SIZES)
    whole = official_file(tmp_path / "whole.pth", load_golden("point_mae_cls_small").state_dict).read_bytes()
    cases = {
        "empty.pth": (b"", "is empty"),
        "text.pth": (b"hello world", "damaged or not a weight file"),
        "cut.pth": (whole[: len(whole) // 2], "damaged or not a weight file"),
        "cut.safetensors": (b"\x10\x00\x00\x00\x00\x00\x00\x00{", "damaged or not a weight file"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=message) as caught:
            load_checkpoint(model, tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"some": torch.ones(2)}, tmp_path / "other.pth")
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    for name, message in [
        ("list.pth", "holds a list"),
        ("other.pth", "isn't a weight file of a known model"),
        ("none.pth", "no weights"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(model, tmp_path / name)
    with pytest.raises(CheckpointError, match=r"no such weight file: .*gone\.pth"):
        load_checkpoint(model, tmp_path / "gone.pth")
    with pytest.raises(CheckpointError, match="is a folder"):
        load_checkpoint(model, tmp_path)
