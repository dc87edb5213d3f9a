"""ACT against the official network's outputs."""

import pytest
import torch

from goldens import load_golden
from official_files import model_of, official_logits, pretrained_weights, write_official
from pointlora import load_checkpoint


@pytest.mark.parametrize("prefix", ["", "module."])
def test_logits_equal_the_official_ones(tmp_path, prefix):
    golden = load_golden("act_cls_small")
    model = model_of(golden, "act")
    report = load_checkpoint(model, write_official(tmp_path / "best.pth", golden.state_dict, prefix))
    assert (report.stage, report.missing, report.unexpected) == ("fine-tuned", [], [])
    assert official_logits(model, golden) < 1e-5


def test_pretrained_file_has_a_class_token(tmp_path):
    golden = load_golden("act_cls_small")
    beside = {
        "ACT_encoder.lm_head.weight": (8192, 48),
        "ACT_encoder.cls_head.0.weight": (512, 48),
        "ACT_decoder.blocks.0.norm1.weight": (48,),
        "dvae.codebook": (8, 8),
        "mask_token": (1, 1, 48),
    }
    weights = pretrained_weights(golden, "ACT_encoder.", ("cls_head_finetune",), beside)
    model = model_of(golden, "act")
    report = load_checkpoint(model, write_official(tmp_path / "ACT.pth", weights, "module."))
    assert (report.family, report.stage, report.unexpected) == ("act", "pre-trained", [])
    assert {key.split(".")[0] for key in report.missing} == {"head"}
    assert sorted(report.ignored) == sorted(beside)
    assert torch.equal(model.cls_position, golden.state_dict["cls_pos"])
    assert torch.equal(model.blocks[2].attn.qkv.weight, golden.state_dict["blocks.blocks.2.attn.qkv.weight"])
