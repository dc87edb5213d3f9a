"""Point-BERT against the official network's outputs."""

import pytest
import torch

from goldens import load_golden
from official_files import model_of, official_logits, pretrained_weights, write_official
from pointlora import create_model, load_checkpoint

# What stands in the pre-trained file beside the network: its heads, the discrete tokenizer, the queue.
BESIDE = {
    "transformer_q.mask_token": (1, 1, 48),
    "transformer_q.lm_head.weight": (8192, 48),
    "transformer_q.cls_head.0.weight": (512, 48),
    "dvae.encoder.first_conv.0.weight": (128, 3, 1),
    "transformer_k.cls_token": (1, 1, 48),
    "queue": (512, 16),
    "queue_ptr": (1,),
}


@pytest.mark.parametrize(("name", "prefix"), [("small", ""), ("small", "module."), ("full", "module.")])
def test_logits_equal_the_official_ones(tmp_path, name, prefix):
    golden = load_golden(f"point_bert_cls_{name}")
    model = model_of(golden, "point_bert", tokenizer_out=golden.meta["config"]["encoder_dims"])
    report = load_checkpoint(model, write_official(tmp_path / "best.pth", golden.state_dict, prefix))
    assert (report.family, report.stage, report.missing, report.unexpected) == ("point_bert", "fine-tuned", [], [])
    assert official_logits(model, golden) < 1e-5


def test_published_sizes():
    sizes = create_model("point_bert").sizes
    assert (sizes.embed_dim, sizes.num_groups, sizes.group_size, sizes.tokenizer_out) == (384, 64, 32, 256)


@pytest.mark.parametrize("branch", ["transformer_q", "transformer_k"])
def test_pretrained_file(tmp_path, branch):
    golden = load_golden("point_bert_cls_small")
    beside = {key.replace("transformer_q", branch): shape for key, shape in BESIDE.items()}
    if branch == "transformer_k":
        del beside["transformer_k.cls_token"]
    weights = pretrained_weights(golden, f"{branch}.", ("cls_head_finetune",), beside)
    weights[f"{branch}.cls_token"] = golden.state_dict["cls_token"]
    model = model_of(golden, "point_bert", tokenizer_out=32)
    report = load_checkpoint(model, write_official(tmp_path / "Point-BERT.pth", weights, "module."))
    assert (report.family, report.stage, report.unexpected) == ("point_bert", "pre-trained", [])
    assert report.missing == ["head.0.weight", "head.0.bias", "head.3.weight", "head.3.bias"]
    assert sorted(report.ignored) == sorted(beside)
    for layer in (0, 3):
        for kind in ("weight", "bias"):
            getattr(model.head[layer], kind).data = golden.state_dict[f"cls_head_finetune.{layer}.{kind}"]
    assert official_logits(model, golden) < 1e-5


def test_the_key_networks_weights_are_not_taken_where_the_query_networks_are_there():
    golden = load_golden("point_bert_cls_small")
    weights = pretrained_weights(golden, "transformer_q.", ("cls_head_finetune",), BESIDE)
    model = model_of(golden, "point_bert", tokenizer_out=32)
    load_checkpoint(model, weights)
    assert torch.equal(model.cls_token, golden.state_dict["cls_token"])
