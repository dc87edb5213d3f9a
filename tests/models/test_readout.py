import pytest
import torch

from clouds import random_clouds
from pointlora import apply_method, create_model, list_models
from pointlora.errors import ConfigError
from pointlora.models.readout import Readout, feature_levels
from pointlora.models.registry import get_family

SIZES = {
    "embed_dim": 48,
    "depth": 3,
    "num_heads": 3,
    "num_groups": 8,
    "group_size": 8,
    "tokenizer_dims": (16, 24, 32),
}


def classifier(name="point_mae", **options):
    torch.manual_seed(0)
    return create_model(name, num_classes=5, **SIZES, **options).eval()


def test_without_options_the_head_is_the_published_one():
    torch.manual_seed(0)
    model = classifier()
    assert (model.head_kind, model.levels, model.pooling) == ("mlp", (2,), ("class_token", "max"))
    assert model.options == {"num_classes": 5}
    assert model.pooled_width == 96


def test_a_linear_head_reads_maximum_and_mean_of_levels():
    model, points = classifier(head="linear", levels=[2, 0], pooling=["max", "mean"]), random_clouds(3, 64)
    features = [
        part
        for sequence in model.encode(points, (0, 2))
        for part in (sequence.patches.amax(1), sequence.patches.mean(1))
    ]
    expected = torch.cat(features, 1) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(points).logits, expected, atol=1e-6, rtol=1e-5)
    assert model.head.weight.shape == (5, 4 * 48)


NO_CLASS_TOKEN = ("point_femae", "point_femae_plain", "point_jepa", "point2vec")


@pytest.mark.parametrize("name", NO_CLASS_TOKEN)
def test_a_model_without_a_class_token_has_none_to_read(name):
    with pytest.raises(ConfigError, match="this model has none: use max and mean"):
        classifier(name, pooling=["class_token", "mean"])
    model = classifier(name, head="linear", levels=[0, 2], pooling=["max", "mean"])
    assert model(random_clouds(2, 64)).logits.shape == (2, 5)
    assert model.head.in_features == 4 * 48


@pytest.mark.parametrize("name", [name for name in list_models() if name not in NO_CLASS_TOKEN])
def test_every_family_has_it(name):
    model = classifier(name, head="linear", levels=[0, 1, 2], pooling=["class_token", "mean"])
    assert model(random_clouds(2, 64)).logits.shape == (2, 5)
    assert model.head.in_features == 3 * (model.class_token_width + 48)
    model.train()
    assert torch.isfinite(model(random_clouds(2, 64)).logits).all()


@pytest.mark.parametrize("name", list_models())
def test_a_further_scale_is_the_same_network_on_coarser_patches(name):
    model = classifier(name, head="linear", levels=[0, 2], pooling=["max", "mean"], scales=2)
    torch.manual_seed(1)
    coarse = create_model(name, num_classes=5, **{**SIZES, "num_groups": 4, "group_size": 16}).eval()
    shared = {key: value for key, value in model.state_dict().items() if not key.startswith(("head.", "generator."))}
    coarse.load_state_dict(shared, strict=False)
    points = random_clouds(2, 64)
    with torch.no_grad():
        beside, own = model.encode(points, (0, 2))[:2], model.encode(points, (0, 2))[2:]
        expected = coarse.encode(points, (0, 2))
        logits = model(points).logits
    for found, wanted in zip(beside, expected, strict=True):
        torch.testing.assert_close(found.tokens, wanted.tokens, atol=1e-5, rtol=1e-4)
    assert [sequence.num_patches for sequence in own] == [8, 8]
    features = model.pool(*beside, *own)
    assert features.shape[1] == model.head.in_features == 8 * 48
    torch.testing.assert_close(logits, model.head(features), atol=1e-5, rtol=1e-4)


def test_methods_that_change_the_tokens_read_one_scale():
    with pytest.raises(ConfigError, match="set it to 1"):
        apply_method(classifier(scales=2), "ppt")
    with pytest.raises(ConfigError, match="set it to 1"):
        apply_method(classifier(scales=2), "pointlora")
    assert apply_method(classifier(scales=2), "lora").scales == 2
    assert apply_method(classifier(), "pointlora-plus").scales == 2
    assert apply_method(classifier(scales=1), "pointlora-plus").scales == 1


def test_what_the_model_says_counts_more_than_what_the_method_says():
    own = apply_method(classifier(levels=[1]), "probe")
    assert (own.head_kind, own.levels, own.pooling) == ("linear", (1,), ("max", "mean"))
    assert apply_method(classifier(head="mlp"), "probe").head_kind == "mlp"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"levels": [3]}, "model.levels holds 3, but it must name blocks of the model, from 0 to 2"),
        ({"levels": [1, 1]}, "each once"),
        ({"levels": 2}, "must be a list"),
        ({"pooling": ["median"]}, "pooling"),
        ({"head": "deep"}, "model.head"),
        ({"scales": 0}, "model.scales"),
        ({"scales": 5}, "model.scales"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(ConfigError, match=words):
        classifier(**options)


def test_a_paired_head_is_the_mean_of_two():
    model, points = classifier(head="paired", levels=[0, 2], pooling=["max"], num_features=1), random_clouds(3, 64)
    points = torch.cat([points, points[..., :1] + 2], -1)
    with torch.no_grad():
        for layer in (model.head.linear, model.head.enter):
            layer.features.normal_()
            layer.bias.normal_()
    features = model.eval().read(points, model.encode(points, model.levels))
    assert features.shape[1] == 2 * model.sizes.embed_dim + 2
    hidden = model.head.leave(model.head.enter(features).clamp(min=0))
    torch.testing.assert_close(model(points).logits, (model.head.linear(features) + hidden) / 2)
    assert model.head_width == 2 * model.sizes.embed_dim


@pytest.mark.parametrize("name", list_models())
def test_every_family_has_the_head_of_pointlora_plus(name):
    model = apply_method(classifier(name), "pointlora-plus").eval()
    assert (model.head_kind, model.scales, model.pooling) == ("paired", 2, type(model).pooling)
    with torch.no_grad():
        assert model(random_clouds(2, 64)).logits.shape == (2, model.num_classes)


SEGMENTERS = [name for name in list_models() if "part_segmentation" in get_family(name).tasks]


@pytest.mark.parametrize("name", SEGMENTERS)
def test_for_parts_the_head_of_pointlora_plus_is_linear(name):
    torch.manual_seed(0)
    model = apply_method(
        create_model(name, "part_segmentation", num_parts=4, num_categories=2, **SIZES), "pointlora-plus"
    )
    assert (model.head_kind, model.levels) == ("linear", (0, 1, 2))


def test_part_segmentation_has_no_paired_head():
    options = {"num_parts": 4, "num_categories": 2, **SIZES}
    with pytest.raises(ConfigError, match="model.head is 'paired'"):
        create_model("point_mae", "part_segmentation", head="paired", **options)


def test_levels_are_the_last_of_each_third():
    assert [feature_levels(depth) for depth in (1, 2, 6, 12)] == [(0,), (0, 1), (1, 3, 5), (3, 7, 11)]
    assert Readout(levels=[5, 1]).check(6).levels == (1, 5)


def test_a_linear_part_head_is_linear_in_interpolated_features():
    torch.manual_seed(0)
    model = create_model("point_mae", "part_segmentation", num_parts=4, num_categories=2, head="linear", **SIZES).eval()
    points, category = random_clouds(2, 64), torch.tensor([0, 1])
    features = model.encode_clouds(points, category)
    read = model.head.features(points, features.centers, features.levels, features.summary, category)
    weight = torch.cat([model.head.local.weight, model.head.whole.weight], 1)
    expected = read @ weight.T + model.head.whole.bias
    torch.testing.assert_close(model(points, category).logits, expected, atol=1e-5, rtol=1e-4)
