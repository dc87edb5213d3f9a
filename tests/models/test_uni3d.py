"""Uni3D against the official network's outputs: embeddings of points with colours."""

import warnings

import pytest
import torch

from clouds import random_clouds
from goldens import load_golden
from pointlora import count_parameters, create_model, load_checkpoint
from pointlora.errors import CheckpointError, ConfigError, ShapeError
from pointlora.ops import validation

GOLDENS = ("tiny", "base", "giant")
TINY = {"depth": 2, "num_groups": 8, "group_size": 8}


def make(size, task="embedding"):
    golden = load_golden(f"uni3d_{size}_small")
    config = golden.meta["config"]
    sizes = {
        "num_groups": config["num_group"],
        "group_size": config["group_size"],
        "tokenizer_out": config["pc_encoder_dim"],
        **config["overrides"],
    }
    options = {"embedding_dim": config["embed_dim"]} if task == "embedding" else {}
    return golden, create_model(f"uni3d_{size}", task, **sizes, **options)


def write(path, golden, prefix=""):
    torch.save({"module": {prefix + key: value for key, value in golden.state_dict.items()}}, path)
    return path


@pytest.mark.parametrize("size", GOLDENS)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_embeddings_equal_the_official_ones(tmp_path, size, prefix):
    golden, model = make(size)
    report = load_checkpoint(model, write(tmp_path / "model.pt", golden, prefix))
    assert (report.family, report.stage, report.missing, report.unexpected) == ("uni3d", "pre-trained", [], [])
    unused = ("cls_token", "pos_embed", "patch_embed.", "head.")
    kept = {key.removeprefix("point_encoder.visual.") for key in report.ignored}
    assert all(key.startswith(unused) for key in kept)
    read = []
    model.projection.register_forward_hook(lambda module, inputs, output: read.append(inputs[0]))
    with torch.no_grad():
        found = model.eval().embedding(golden["points"])
    torch.testing.assert_close(found, golden["embedding"], atol=golden.meta["tolerance"], rtol=0)
    torch.testing.assert_close(read[0], golden["features"], atol=golden.meta["tolerance"], rtol=0)
    assert float(model.logit_scale) == float(golden.state_dict["logit_scale"])


@pytest.mark.parametrize("task", ["classification", "part_segmentation"])
def test_the_encoder_goes_into_networks_of_other_tasks(tmp_path, task):
    golden, model = make("base", task)
    report = load_checkpoint(model, write(tmp_path / "model.pt", golden))
    assert report.unexpected == []
    assert {key.split(".")[0] for key in report.missing} == {"head"}
    query = golden.state_dict["point_encoder.visual.blocks.1.attn.q_proj.weight"]
    assert torch.equal(model.blocks[1].attn.qkv.weight[: len(query)], query)
    assert torch.equal(model.norm.weight, golden.state_dict["point_encoder.visual.fc_norm.weight"])


@pytest.mark.parametrize(
    ("size", "total"),
    [
        ("tiny", 6_221_824),
        ("small", 22_498_432),
        ("base", 86_951_296),
        ("large", 304_671_552),
        ("giant", 1_012_864_128),
    ],
)
def test_published_sizes(size, total):
    with torch.device("meta"):
        assert count_parameters(create_model(f"uni3d_{size}", "embedding")).total == total


@pytest.mark.parametrize("part", ["v_proj.weight", "q_proj.bias", "k_proj.weight"])
def test_a_lost_part_of_a_joined_weight_is_an_error(part):
    golden, model = make("base")
    weights = golden.state_dict
    del weights[f"point_encoder.visual.blocks.1.attn.{part}"]
    name = f"blocks.1.attn.{'q_bias' if part == 'q_proj.bias' else 'qkv.weight'}"
    with pytest.raises(CheckpointError, match=rf"lacks 1 weights of the uni3d_base model, the first is {name}"):
        load_checkpoint(model, weights)


def test_missing_colours_are_grey_and_said_once():
    torch.manual_seed(0)
    model = create_model("uni3d_tiny", "embedding", **TINY).eval()
    points = random_clouds(2, 40)
    validation._tell_of_missing_colors.cache_clear()
    with torch.no_grad():
        with pytest.warns(UserWarning, match="the points have no colours: 0.4 is taken for all"):
            grey = model.embedding(points)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert torch.equal(model.embedding(points), grey)
        assert torch.equal(model.embedding(torch.cat([points, torch.full_like(points, 0.4)], -1)), grey)
        assert (model.embedding(torch.cat([points, torch.rand_like(points)], -1)) - grey).abs().max() > 1e-3
    with pytest.raises(ShapeError, match=r"must have shape \(B, N, 3\), or \(B, N, 6\) with colours, not \(2, 40, 5\)"):
        model.embedding(torch.randn(2, 40, 5))
    with pytest.raises(ShapeError, match="list of 2 clouds"):
        model.embedding([torch.zeros(40, 3)] * 2)
    with pytest.raises(ConfigError, match="mlp"):
        create_model("uni3d_tiny", mlp="wide", **TINY)


@pytest.mark.parametrize("task", ["classification", "part_segmentation"])
def test_colours_count_in_every_task(task):
    torch.manual_seed(0)
    model, points = create_model("uni3d_base", task, **TINY, embed_dim=48, num_heads=3).eval(), random_clouds(2, 40)
    given = (torch.zeros(2, dtype=torch.int64),) if task == "part_segmentation" else ()
    with torch.no_grad():
        grey = model(points, *given).logits
        bright = model(torch.cat([points, torch.rand_like(points)], -1), *given).logits
    assert bright.shape == grey.shape
    assert (bright - grey).abs().max() > 1e-4


def test_point_bert_with_colours_reads_the_file_of_ulip_2_and_pointllm():
    golden = load_golden("point_bert_cls_small")
    rows = golden.state_dict["encoder.first_conv.0.weight"]
    colours = 0.1 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))
    weights = {
        f"module.point_encoder.{key}": value
        for key, value in golden.state_dict.items()
        if not key.startswith("cls_head_finetune")
    }
    weights["module.point_encoder.encoder.first_conv.0.weight"] = torch.cat([rows, colours], 1)
    weights |= {"module.pc_projection": torch.ones(96, 8), "module.logit_scale": torch.ones(())}
    sizes = {"embed_dim": 48, "depth": 3, "num_heads": 6, "num_groups": 32, "group_size": 16, "tokenizer_out": 32}
    model = create_model("point_bert", num_classes=40, channels=6, **sizes).eval()
    report = load_checkpoint(model, {"state_dict": weights})
    assert (report.family, report.stage, report.unexpected) == ("point_bert", "pre-trained", [])
    assert {key.split(".")[0] for key in report.missing} == {"head"}
    assert torch.equal(model.tokenizer.first_conv[0].weight[:, 3:], colours.squeeze(-1))
    points = golden["points"]
    with torch.no_grad():
        black = model(torch.cat([points, torch.zeros_like(points)], -1)).logits
        plain = create_model("point_bert", num_classes=40, **sizes).eval()
        load_checkpoint(plain, golden.state_dict)
        plain.head = model.head
        torch.testing.assert_close(black, plain(points).logits, atol=1e-5, rtol=0)
    with pytest.raises(CheckpointError, match=r"first_conv.* has shape \(128, 6\).*create the model with the sizes"):
        load_checkpoint(create_model("point_bert", num_classes=40, **sizes), {"state_dict": weights})
