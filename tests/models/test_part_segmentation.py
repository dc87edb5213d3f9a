"""Part segmentation against the official network's outputs, and what is ours in it."""

import pytest
import torch

from clouds import random_clouds
from goldens import load_golden
from official_files import write_official
from pointlora import apply_method, count_parameters, create_model, load_checkpoint
from pointlora.errors import CheckpointError, ConfigError, ShapeError
from pointlora.models.checkpoints import recognize
from pointlora.models.segmenter import default_head_dims, feature_levels

SIZES = {
    "embed_dim": 48,
    "depth": 3,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (16, 24, 32),
    "num_parts": 7,
    "num_categories": 3,
}


def make(method=None, **changes):
    torch.manual_seed(0)
    model = create_model("point_mae", "part_segmentation", **{**SIZES, **changes})
    return apply_method(model, method).eval() if method else model.eval()


@pytest.fixture(scope="module")
def golden():
    return load_golden("point_mae_partseg_full")


def test_log_probabilities_and_size_equal_the_official_ones(tmp_path, golden):
    model = create_model("point_mae", "part_segmentation").eval()
    assert count_parameters(model).total == golden.meta["counts"]["total"] == 27_063_730
    report = load_checkpoint(model, write_official(tmp_path / "best.pth", golden.state_dict, "module."))
    assert (report.family, report.stage, report.missing, report.unexpected) == ("point_mae", "fine-tuned", [], [])
    with torch.no_grad():
        logits = model(golden["points"], golden["category"]).logits
    expected = golden["log_probs_first_200"]
    torch.testing.assert_close(logits.log_softmax(-1)[:, :200], expected, atol=1e-5, rtol=0)


def test_what_pointlora_trains():
    model = apply_method(create_model("point_mae", "part_segmentation"), "pointlora")
    trained = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}

    def count(*marks):
        return sum(size for name, size in trained.items() if any(mark in name for mark in marks))

    assert count("head.") == 5_238_706
    assert count(".branches.lora.") == 221_184
    assert count("method.prompts.") == 125_312
    # The paper counts 5.63 M, 0.11 M less; these two parts, which its classification figure holds, make 107,905.
    assert count("method.scorer.") + count("tokenizer.first_conv.") == 74_113 + 33_792
    assert count("position.") == 50_048
    assert sum(trained.values()) == 5_743_155
    assert count_parameters(model).total == 27_063_730 + 125_312 + 74_113 + 221_184 + 24


@pytest.mark.parametrize(
    ("depth", "levels"), [(12, (3, 7, 11)), (24, (7, 15, 23)), (6, (1, 3, 5)), (2, (0, 1)), (1, (0,))]
)
def test_levels_are_the_ends_of_the_thirds(depth, levels):
    assert feature_levels(depth) == levels


def test_the_head_is_as_published_and_narrower_for_narrow_backbones():
    assert default_head_dims(384) == (1536, 1024, 512, 256)
    assert default_head_dims(768) == (3072, 1024, 512, 256)
    assert default_head_dims(192) == (768, 512, 256, 128)
    tiny = create_model("point_mae_tiny", "part_segmentation")
    head = sum(parameter.numel() for parameter in tiny.head.parameters())
    assert head < 0.5 * (count_parameters(tiny).total - head) + 100_000
    wide = create_model("point_mae", "part_segmentation", **{**SIZES, "head_dims": (32, 16, 12, 8)})
    assert wide.head.joint[7].weight.shape == (7, 8)
    assert wide.options["head_dims"] == [32, 16, 12, 8]


@pytest.mark.parametrize("method", [None, "pointlora"])
def test_queries_have_the_logits_that_they_have_as_points(method):
    model, points, category = make(method), random_clouds(2, 64), torch.tensor([0, 2])
    with torch.no_grad():
        logits = model(points, category).logits
        asked = model(points, category, points[:, 10:20]).logits
        torch.testing.assert_close(asked, logits[:, 10:20], atol=1e-5, rtol=0)
        many = random_clouds(2, 500, seed=8)
        assert model(points, category, many).logits.shape == (2, 500, 7)


def test_evaluation_in_blocks_computes_the_same(monkeypatch):
    from pointlora.models import part_head

    model, points, category = make(), random_clouds(2, 64), torch.tensor([1, 1])
    with torch.no_grad():
        whole = model(points, category).logits
        monkeypatch.setattr(part_head, "_BLOCK", 30)
        torch.testing.assert_close(model(points, category).logits, whole, atol=1e-5, rtol=0)


def test_only_patch_tokens_carry_points_and_the_summary():
    model, points, category = make("pointlora"), random_clouds(2, 64), torch.tensor([0, 2])
    seen = {}
    model.head.register_forward_hook(lambda module, inputs, output: seen.update(inputs=inputs))
    with torch.no_grad():
        model(points, category)
        own, *others = model.embed(model.group(points))
        outputs = model.encode_tokens(own, others, model.levels)
    sequence = outputs[-1]
    _, centers, levels, summary, _ = seen["inputs"]
    assert sequence.tokens.shape[1] == 16 + 4 + 1
    assert centers.shape[1] == levels.shape[1] == sequence.num_patches == 16
    assert torch.equal(levels, torch.cat([output.tokens for output in outputs], -1)[:, :16])
    assert torch.equal(summary, torch.cat([levels.amax(1), levels.mean(1)], -1))


def test_the_category_matters_and_is_checked():
    model, points = make(), random_clouds(2, 64)
    torch.nn.init.normal_(model.head.category[0].weight)
    with torch.no_grad():
        first, second = (model(points, torch.tensor(ids)).logits for ids in ([0, 0], [1, 0]))
    assert (first[0] - second[0]).abs().max() > 1e-4
    torch.testing.assert_close(first[1], second[1])
    with pytest.raises(ShapeError, match="needs the category of each cloud, one of 3"):
        model(points)
    with pytest.raises(ShapeError, match=r"category must be \(2,\) integers, not \(1,\)"):
        model(points, torch.tensor([0]))
    for wrong in (-1, 3):
        with pytest.raises(ShapeError, match=f"category {wrong} isn't one of the 3"):
            model(points, torch.tensor([0, wrong]))


def test_without_categories():
    model, points = make(num_categories=0), random_clouds(2, 64)
    with torch.no_grad():
        assert model(points).logits.shape == (2, 64, 7)
    assert not hasattr(model.head, "category")
    with pytest.raises(ShapeError, match="knows none"):
        model(points, torch.tensor([0, 0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_parts": 0}, "num_parts is 0"),
        ({"num_categories": -1}, "num_categories is -1"),
        ({"head_dims": (8, 8)}, "needs four widths"),
        ({"head_dims": (8, 8, 0, 8)}, "each of head_dims is 0"),
        ({"num_classes": 3}, "num_classes.*did you mean"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        create_model("point_mae", "part_segmentation", **{**SIZES, **options})


def test_recons_summary_has_the_maximum_over_its_three_tokens():
    torch.manual_seed(0)
    model = create_model("recon", "part_segmentation", **SIZES).eval()
    patches, prefix = random_clouds(1, 2, seed=1).repeat(1, 8, 48), torch.randn(1, 3, 144)
    summary = torch.cat(model.summarize(patches, prefix), -1)
    assert summary.shape == (1, 3 * 144)
    assert torch.equal(summary[:, -144:], prefix.amax(1))
    seen = {}
    model.head.register_forward_hook(lambda module, inputs, output: seen.update(inputs=inputs))
    with torch.no_grad():
        model(random_clouds(2, 64), torch.tensor([0, 1]))
    assert seen["inputs"][3].shape == (2, 3 * 144)


def test_pointgpts_patches_keep_their_centers_when_they_are_ordered():
    torch.manual_seed(0)
    model = create_model("point_gpt_s", "part_segmentation", **SIZES).eval()
    seen = {}
    model.head.register_forward_hook(lambda module, inputs, output: seen.update(inputs=inputs))
    points = random_clouds(2, 64)
    with torch.no_grad():
        model(points, torch.tensor([0, 1]))
        own = model.arrange(model.embed(model.group(points))[0])
        _, centers, levels, _, _ = seen["inputs"]
        assert torch.equal(centers, own.centers)
        torch.testing.assert_close(model.tokenizer((model.group(points)[0]).neighborhoods).sum(1), own.tokens.sum(1))
        outputs = model.encode_tokens(own, [], model.levels)
    assert outputs[0].num_prefix == 2
    assert torch.equal(levels, torch.cat([output.tokens for output in outputs], -1)[:, 2:])


def test_export():
    model, given = make("pointlora"), (random_clouds(2, 64), torch.tensor([0, 2]), random_clouds(2, 90, seed=4))
    exported = torch.export.export(model, given).module()
    other = (random_clouds(2, 64, seed=9), torch.tensor([1, 1]), random_clouds(2, 90, seed=5))
    torch.testing.assert_close(exported(*other).logits, model(*other).logits, atol=1e-5, rtol=0)


class TestFiles:
    """Which files go into a part segmenter, and what its own do elsewhere."""

    def test_a_pretrained_file(self, tmp_path):
        golden = load_golden("point_mae_pretrain_small")
        model = create_model("point_mae", "part_segmentation", embed_dim=48, depth=3)
        report = load_checkpoint(model, write_official(tmp_path / "pretrain.pth", golden.state_dict))
        assert {key.split(".")[0] for key in report.missing} == {"head"}
        expected = golden.state_dict["MAE_encoder.blocks.blocks.1.attn.proj.weight"]
        assert torch.equal(model.blocks[1].attn.proj.weight, expected)

    @pytest.mark.parametrize(
        ("name", "file", "left_out"),
        [
            ("act", "act_cls_small", {"cls_token", "cls_pos"}),
            ("point_bert", "point_bert_cls_small", set()),
            ("recon", "recon_cls_small", set()),
        ],
    )
    def test_a_classifier_without_its_head(self, tmp_path, name, file, left_out):
        golden = load_golden(file)
        path = write_official(tmp_path / "cls.pth", golden.state_dict)
        sizes = {"embed_dim": 48, "depth": 3, **({"tokenizer_out": 32} if name == "point_bert" else {})}
        model = create_model(name, "part_segmentation", **sizes)
        with pytest.raises(CheckpointError, match=r"cls\.pth was fine-tuned for classification.*head=False"):
            load_checkpoint(model, path)
        report = load_checkpoint(model, path, head=False)
        assert {key.split(".")[0] for key in report.missing} == {"head"}
        assert {key.split(".")[0] for key in report.ignored} == left_out

    def test_a_part_segmenter_into_a_classifier(self, golden):
        model = create_model("point_mae")
        with pytest.raises(CheckpointError, match="for part_segmentation, but the model is for classification"):
            load_checkpoint(model, golden.state_dict)
        report = load_checkpoint(model, golden.state_dict, head=False)
        assert {key.split(".")[0] for key in report.missing} == {"head", "cls_token", "cls_position"}

    def test_another_number_of_parts_is_named(self, golden):
        model = create_model("point_mae", "part_segmentation", num_parts=4)
        with pytest.raises(CheckpointError, match=r"head\.joint\.7.*num_parts"):
            load_checkpoint(model, golden.state_dict)

    def test_own_files_and_info(self, tmp_path, golden):
        from safetensors.torch import save_file

        from pointlora.inspection import describe

        model = make()
        save_file(model.state_dict(), tmp_path / "model.safetensors")
        other = make()
        with torch.no_grad():
            other.blocks[0].norm1.weight.zero_()
        assert load_checkpoint(other, tmp_path / "model.safetensors").missing == []
        assert torch.equal(other.blocks[0].norm1.weight, model.blocks[0].norm1.weight)
        found = describe(tmp_path / "model.safetensors")
        assert (found["task"], found["num_parts"], found["num_categories"]) == ("part_segmentation", 7, 3)
        found = describe(write_official(tmp_path / "best.pth", golden.state_dict))
        assert (found["task"], found["family"], found["num_parts"]) == ("part_segmentation", "point_mae", 50)

    def test_pointgpts_levels_have_a_norm_of_their_own(self):
        classifier = [key for key in load_golden("point_gpt_b_cls_2layers").meta["shapes"] if "cls_head" not in key]
        keys = {*classifier, "norm.weight", "norm.bias", *(f"convs{layer}.weight" for layer in (1, 2, 3))}
        keys |= {f"propagation_0.mlp_convs.{layer}.bias" for layer in (0, 1)}
        layout = recognize(keys)
        assert (layout.family, layout.task) == ("point_gpt", "part_segmentation")
        assert (layout.rename("norm.weight"), layout.rename("blocks.ln_f.weight")) == ("norm.weight", None)
        with torch.device("meta"):
            model = create_model("point_gpt_b", "part_segmentation", depth=2)
        renamed = {layout.rename(key) for key in keys} - {None}
        assert renamed <= model.state_dict().keys()
