"""Networks of ours in official files: the keys and shapes of the official networks, to the last one."""

from __future__ import annotations

import pytest
import torch

from goldens import load_golden
from official_files import GOLDENS, model_of
from pointlora import create_model, list_models, load_checkpoint
from pointlora.errors import CheckpointError
from pointlora.models.layouts import Layout, encoder_rules
from pointlora.models.official import file_content, official_key, official_weights

NETWORKS = {
    **GOLDENS,
    "point_mae_cls_small": ("point_mae", {}),
    "act_cls_small": ("act", {}),
    "point_bert_cls_small": ("point_bert", {"tokenizer_out": 32}),
    "recon_cls_small": ("recon", {}),
    "point_gpt_s_cls_full": ("point_gpt_s", {}),
}
SIZES = {"embed_dim": 48, "depth": 3, "num_heads": 3, "num_groups": 24, "group_size": 8}
FAST = ("point_mae_tiny", "maskpoint", "point_femae", "point_gpt_s")
PART_SEGMENTERS = [
    pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
    for name in list_models()
    if not name.startswith(("point_jepa", "point2vec", "uni3d"))
]


def plain(name: str, task: str = "classification", **options: object) -> torch.nn.Module:
    """A small network with random weights."""
    counts = {"num_classes": 4} if task == "classification" else {"num_parts": 5, "num_categories": 3}
    torch.manual_seed(0)
    sizes = SIZES
    model = create_model(name, task, **sizes, **counts, **options)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.detach().add_(0.02 * torch.rand_like(tensor))
    return model.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_and_shapes_are_those_of_the_official_network(name: str) -> None:
    golden = load_golden(name)
    model, options = NETWORKS[name]
    with torch.device("meta"):
        network = model_of(golden, model, **options)
    _, weights = official_weights(model, "classification", network.state_dict())
    assert {key: list(value.shape) for key, value in weights.items()} == golden.meta["shapes"]


def test_keys_and_shapes_are_those_of_the_official_part_segmenter() -> None:
    shapes = load_golden("point_mae_partseg_full").meta["shapes"]
    with torch.device("meta"):
        network = create_model("point_mae", "part_segmentation", num_parts=50, num_categories=16)
    _, weights = official_weights("point_mae", "part_segmentation", network.state_dict())
    assert {key: list(value.shape) for key, value in weights.items()} == shapes


def test_golden_weights_come_back_as_they_were() -> None:
    """Names of one weight hold one value in a real file; the golden one keeps the later name's."""
    golden = load_golden("point_femae_cls_small")
    model = model_of(golden, "point_femae", neighbors=8)
    load_checkpoint(model, golden.state_dict)
    _, weights = official_weights("point_femae", "classification", model.state_dict())
    for key, value in golden.state_dict.items():
        assert torch.equal(weights[key], golden.state_dict[golden.meta["aliases"].get(key, key)].view_as(value)), key


@pytest.mark.parametrize(
    "name",
    ["point_femae", "point_gpt_s", *(pytest.param(n, marks=pytest.mark.slow) for n in ("point_mae_tiny", "recon"))],
)
def test_ours_reads_it_back(name: str) -> None:
    model = plain(name)
    layout, weights = official_weights(name, "classification", model.state_dict())
    other = create_model(name, **SIZES, num_classes=4)
    report = load_checkpoint(other, file_content(layout, weights)["base_model"])
    assert (report.missing, report.unexpected) == ([], [])
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in other.state_dict().items())


@pytest.mark.parametrize("name", PART_SEGMENTERS)
def test_part_segmenters_are_read_back(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, "part_segmentation", depth=3, num_parts=5, num_categories=3)
    _, weights = official_weights(name, "part_segmentation", model.state_dict())
    assert {"convs3.weight", "label_conv.0.weight", "propagation_0.mlp_convs.1.bias"} <= weights.keys()
    assert not [key for key in weights if "head" in key or "local" in key]
    report = load_checkpoint(model, weights)
    assert (report.missing, report.unexpected) == ([], [])


def test_groups_and_ends_of_patterns() -> None:
    rules = ((r"net\.(\d+)\.(a|b)_token$", r"x.\2.\1_t"), (r"gone", None), *encoder_rules("net.", "encoder."))
    layout = Layout("x", "fine-tuned", requires=("net",), rules=rules)
    assert official_key(layout, "x.b.12_t") == "net.12.b_token"
    assert official_key(layout, "x.b.12_tail") is None
    assert official_key(layout, "x.c.12_t") is None
    assert official_key(layout, "encoder.tokenizer.first_conv.3.weight") == "net.encoder.first_conv.3.weight"
    assert official_key(layout, "encoder.unknown") is None


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("uni3d_tiny", "classification", "uni3d_tiny has no official layout of networks that are fine-tuned for class"),
        (
            "point_jepa",
            "part_segmentation",
            "point_jepa has no official layout of networks that are fine-tuned for part",
        ),
    ],
)
def test_networks_without_an_official_file(name: str, task: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        official_weights(name, task, {})


def test_weights_without_a_place() -> None:
    weights = {**plain("point_mae_tiny").state_dict(), "prompts": torch.zeros(3)}
    with pytest.raises(
        CheckpointError, match="official layout of point_mae_tiny for classification has no place for pro"
    ):
        official_weights("point_mae_tiny", "classification", weights)


@pytest.mark.slow
def test_lightning_reads_its_file(tmp_path) -> None:
    from lightning import LightningModule

    class Network(LightningModule):
        pass

    layout, weights = official_weights("point_jepa", "classification", plain("point_jepa").state_dict())
    torch.save(file_content(layout, weights), tmp_path / "a.ckpt")
    Network.load_from_checkpoint(tmp_path / "a.ckpt", strict=False, weights_only=True)
    other = create_model("point_jepa", **SIZES, num_classes=4)
    assert load_checkpoint(other, tmp_path / "a.ckpt").missing == []
