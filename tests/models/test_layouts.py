"""Official files are known by their keys, and a model of another family refuses them naming the right one."""

import pytest
import torch

from goldens import load_golden
from official_files import model_of, write_official
from pointlora import create_model, list_models, load_checkpoint
from pointlora.errors import CheckpointError
from pointlora.models.checkpoints import models_reading, recognize
from pointlora.models.layouts import Layout, encoder_rules, join_parts
from pointlora.models.registry import get_family

PLAIN = ["act", "point_mae", "point_pqae", "recon_plain"]


def keys_of(name, prefix="", lacks=()):
    return [prefix + key for key in load_golden(name).meta["shapes"] if not key.startswith(lacks)]


def pretrained_keys_of(name, prefix=""):
    return [prefix + key for key in load_golden(name).meta["pretrain_shapes"]]


HEAD = ("cls_head_finetune", "blocks.cls_head_finetune")
FILES = {
    "point_mae fine-tuned": (keys_of("point_mae_cls_small"), ("point_mae", "fine-tuned")),
    "act fine-tuned": (keys_of("act_cls_small"), ("point_mae", "fine-tuned")),
    "point_bert fine-tuned": (keys_of("point_bert_cls_small"), ("point_bert", "fine-tuned")),
    "recon fine-tuned": (keys_of("recon_cls_small"), ("recon", "fine-tuned")),
    "point_gpt fine-tuned": (keys_of("point_gpt_b_cls_2layers"), ("point_gpt", "fine-tuned")),
    "point_mae": (keys_of("point_mae_pretrain_small"), ("point_mae", "pre-trained")),
    "act": (keys_of("act_cls_small", "ACT_encoder.", HEAD), ("act", "pre-trained")),
    "point_bert": (keys_of("point_bert_cls_small", "transformer_q.", HEAD), ("point_bert", "pre-trained")),
    "point_bert k": (keys_of("point_bert_cls_small", "transformer_k.", HEAD), ("point_bert", "pre-trained")),
    "recon": (keys_of("recon_cls_small", "MAE_encoder.", HEAD), ("recon", "pre-trained")),
    "point_gpt": (keys_of("point_gpt_b_cls_2layers", "GPT_Transformer.", HEAD), ("point_gpt", "pre-trained")),
    "ulip 2": (keys_of("point_bert_cls_small", "point_encoder.", HEAD), ("point_bert", "pre-trained")),
    "maskpoint 2x fine-tuned": (keys_of("maskpoint_cls_small"), ("maskpoint", "fine-tuned")),
    "maskpoint 1x fine-tuned": (keys_of("maskpoint_cls_2layers"), ("point_bert", "fine-tuned")),
    "point_femae fine-tuned": (keys_of("point_femae_cls_small"), ("point_femae", "fine-tuned")),
    "point_femae_plain fine-tuned": (keys_of("point_femae_plain_cls_small"), ("point_femae_plain", "fine-tuned")),
    "point_jepa fine-tuned": (keys_of("point_jepa_cls_small"), ("point_jepa", "fine-tuned")),
    "point2vec fine-tuned": (keys_of("point2vec_cls_small"), ("point2vec", "fine-tuned")),
    "pcp_mae": (pretrained_keys_of("pcp_mae_cls_small"), ("pcp_mae", "pre-trained")),
    "maskpoint": (pretrained_keys_of("maskpoint_cls_small"), ("maskpoint", "pre-trained")),
    "point_femae": (pretrained_keys_of("point_femae_cls_small"), ("point_femae", "pre-trained")),
    "point_pqae": (pretrained_keys_of("point_pqae_cls_small"), ("point_pqae", "pre-trained")),
    "point_jepa": (pretrained_keys_of("point_jepa_cls_small"), ("point_jepa", "pre-trained")),
    "point2vec": (pretrained_keys_of("point2vec_cls_small"), ("point2vec", "pre-trained")),
    "uni3d tiny": (keys_of("uni3d_tiny_small"), ("uni3d", "pre-trained")),
    "uni3d base": (keys_of("uni3d_base_small"), ("uni3d", "pre-trained")),
    "uni3d giant": (keys_of("uni3d_giant_small"), ("uni3d", "pre-trained")),
}
# Keys alone don't tell these apart: a width does, or nothing at all.
SHARED = {
    "point_mae fine-tuned": {*PLAIN, "point_mae_tiny", "pcp_mae"},
    "act fine-tuned": {*PLAIN, "point_mae_tiny", "pcp_mae"},
    "point_bert fine-tuned": {"point_bert", "maskpoint"},
    "maskpoint 1x fine-tuned": {"point_bert", "maskpoint"},
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_recognised_by_their_keys(name):
    keys, expected = FILES[name]
    layout = recognize(keys)
    assert layout is not None
    assert layout.stage == expected[1]
    assert layout.family == expected[0]


@pytest.mark.parametrize("name", FILES)
def test_every_key_has_a_rule(name):
    keys, _ = FILES[name]
    layout = recognize(keys)
    assert layout is not None
    assert [key for key in keys if not layout.knows(key)] == []


def test_strange_files_are_not_recognised():
    assert recognize(["conv1.weight", "layer1.0.conv1.weight", "fc.weight"]) is None
    assert recognize([]) is None


def test_each_file_belongs_to_one_family_or_to_networks_with_equal_keys():
    for name, (keys, (family, _)) in FILES.items():
        readers = [m for m in list_models() if any(layout.matches(keys) for layout in get_family(m).layouts)]
        if name in SHARED:
            assert set(readers) == SHARED[name], name
        else:
            assert all(reader.startswith(family) for reader in readers), name
            assert readers, name


def test_a_width_tells_networks_with_equal_keys_apart():
    """PCP-MAE's position embedding takes in a code of the center, Point-MAE's the center itself."""
    plain, coded = (load_golden(f"{name}_cls_small").state_dict for name in ("point_mae", "pcp_mae"))
    assert plain.keys() == coded.keys()
    assert [recognize(weights).family for weights in (plain, coded)] == ["point_mae", "pcp_mae"]
    assert models_reading(coded) == ["pcp_mae"]
    assert "pcp_mae" not in models_reading(plain)
    for weights, wrong, right in ((plain, "pcp_mae", "point_mae"), (coded, "point_pqae", "pcp_mae")):
        with pytest.raises(CheckpointError, match=rf"is a fine-tuned {right} file, but the model is {wrong}: use "):
            load_checkpoint(create_model(wrong, depth=1), weights)


def test_parts_of_a_weight_are_joined_in_their_order_or_not_at_all():
    rows = torch.arange(6.0).view(3, 2)
    parts = {"w#2/3": rows[2:], "other": rows, "w#0/3": rows[:1], "w#1/3": rows[1:2]}
    joined = join_parts(parts)
    assert joined.keys() == {"w", "other"}
    assert torch.equal(joined["w"], rows)
    del parts["w#1/3"]
    assert join_parts(parts).keys() == {"other"}
    assert join_parts({"w#0/2": rows, "w#1/2": torch.ones(1, 5)}) == {}


def test_statistics_that_are_no_numbers_are_mended():
    golden = load_golden("point2vec_cls_small")
    weights = golden.state_dict
    for kind in ("mean", "var"):
        weights[f"tokenizer.embedding.first_conv.1.running_{kind}"][:3] = torch.nan
    model = model_of(golden, "point2vec")
    report = load_checkpoint(model, weights)
    assert report.mended == [f"tokenizer.first_conv.1.running_{kind}" for kind in ("mean", "var")]
    norm = model.tokenizer.first_conv[1]
    assert (norm.running_mean[:3].tolist(), norm.running_var[:3].tolist()) == ([0] * 3, [1] * 3)
    assert torch.equal(norm.running_var[3:], weights["tokenizer.embedding.first_conv.1.running_var"][3:])
    assert "2 mended" in str(report)


@pytest.mark.parametrize("name", PLAIN)
def test_networks_with_equal_keys_read_each_others_fine_tuned_files(name, tmp_path):
    golden = load_golden("point_mae_cls_small")
    model = model_of(golden, name).eval()
    report = load_checkpoint(model, write_official(tmp_path / "best.pth", golden.state_dict))
    assert (report.stage, report.missing, report.unexpected) == ("fine-tuned", [], [])
    with torch.no_grad():
        torch.testing.assert_close(model(golden["points"]).logits, golden["logits"], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("golden", "wrong", "named"),
    [
        ("recon_cls_small", "point_mae", "recon fine-tuned|fine-tuned recon"),
        ("point_bert_cls_small", "act", r"create_model\('point_bert'"),
        ("point_mae_cls_small", "recon", r"create_model\('act', …\) or create_model\('point_mae'"),
        ("point_gpt_b_cls_2layers", "point_mae", r"use create_model\('point_gpt_b', …\)$"),
        ("recon_cls_small", "point_gpt_s", r"use create_model\('recon', …\)$"),
    ],
)
def test_a_wrong_family_is_named_with_the_right_one(tmp_path, golden, wrong, named):
    path = write_official(tmp_path / "ckpt.pth", load_golden(golden).state_dict)
    with pytest.raises(CheckpointError, match=named) as caught:
        load_checkpoint(create_model(wrong, depth=1), path)
    assert "ckpt.pth" in str(caught.value)
    assert f"but the model is {wrong}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_width_tells_models_of_one_family_apart():
    assert models_reading(load_golden("point_gpt_s_cls_full").state_dict) == ["point_gpt_s"]
    assert models_reading(load_golden("point_gpt_b_cls_2layers").state_dict) == ["point_gpt_b"]


def test_rules_rename_the_first_match_and_leave_strangers():
    layout = Layout("x", "fine-tuned", requires=("a",), rules=(("gone", None), *encoder_rules("net.", "encoder.")))
    assert layout.rename("gone.weight") is None
    assert layout.rename("net.blocks.blocks.3.norm1.bias") == "encoder.blocks.3.norm1.bias"
    assert layout.rename("net.cls_pos") == "encoder.cls_position"
    assert layout.rename("stranger") == "stranger"
    assert layout.knows("gone.weight")
    assert not layout.knows("stranger")
