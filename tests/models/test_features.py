"""Features beside x, y, z: a start at zero, gradients, adapters, and grouping that they don't touch."""

import pytest
import torch

from clouds import random_clouds
from pointlora import apply_method, create_model, list_methods, list_models, load_adapter, method_config, save_adapter
from pointlora.errors import ConfigError, ShapeError
from pointlora.models.backbone import FEATURE_COLUMNS
from pointlora.ops import group_scales
from pointlora.ops.grouping import group_scales_reference

SIZES = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8, "tokenizer_dims": (16, 24, 32)}
OPTIONS = {"classification": {"num_classes": 5}, "part_segmentation": {"num_parts": 6, "num_categories": 3}}
COLUMNS = FEATURE_COLUMNS.replace("\\", "").rstrip("$")


def make(name, task="classification", method=None, num_features=0, **sizes):
    torch.manual_seed(0)
    model = create_model(name, task, num_features=num_features, **OPTIONS[task], **sizes)
    if method is not None:
        settings = {"idpt": {"neighbors": 8}, "pointgst": {"local": 4}}
        apply_method(model, method_config(method, **settings.get(method, {})))
    return model


def featured(points, width=3, scale=100.0):
    values = scale * torch.randn(*points.shape[:2], width, generator=torch.Generator().manual_seed(3))
    return torch.cat([points, values], -1)


def logits_of(model, points):
    inputs = (points,) if model.task == "classification" else (points, torch.arange(len(points)))
    return model(*inputs).logits


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("task", list(OPTIONS))
@pytest.mark.parametrize("name", list_models())
def test_starts_as_the_network_without_features(name, task, training):
    sizes = {} if name == "point_mae_tiny" else SIZES
    points = random_clouds(3, 300)
    found = []
    for num_features in (0, 3):
        model = make(name, task, "pointlora", num_features, **sizes).train(training)
        torch.manual_seed(1)
        found.append(logits_of(model, featured(points) if num_features else points).detach())
    if name == "point_mae_tiny":
        assert torch.equal(*found)
    torch.testing.assert_close(*found, atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", list_methods())
@pytest.mark.parametrize("task", list(OPTIONS))
def test_every_method_trains_the_columns(method, task):
    model = make("point_mae", task, method, 2, **SIZES).train()
    columns = dict(model.named_parameters())[COLUMNS]
    if method == "probe":
        assert not columns.any()
        own = model.head.features if task == "classification" else model.head.own
        assert own.requires_grad
        assert not own.any()
        return
    assert columns.requires_grad
    assert columns.shape == (16, 2)
    assert not columns.any()
    before = logits_of(model, featured(random_clouds(3, 60), 2, 1.0))
    before.sin().sum().backward()
    assert columns.grad.norm() > 1e-6
    if task == "classification" and model.head_kind == "linear":
        assert model.head.features.grad.norm() > 1e-6
    if task == "part_segmentation":
        own = model.head.own if model.head_kind == "linear" else model.head.local[0].features
        assert own.grad.norm() > 1e-6


@pytest.mark.parametrize("task", list(OPTIONS))
def test_adapters_hold_the_columns(tmp_path, task):
    model = make("point_mae", task, "lora", 2, **SIZES)
    with torch.no_grad():
        dict(model.named_parameters())[COLUMNS].normal_()
    save_adapter(model, tmp_path)
    fresh = load_adapter(make("point_mae", task, None, 2, **SIZES), tmp_path)
    points = featured(random_clouds(3, 60), 2, 1.0)
    assert torch.equal(logits_of(fresh.eval(), points), logits_of(model.eval(), points))
    plain = torch.cat([points[..., :3], torch.zeros(3, 60, 2)], -1)
    assert not torch.equal(logits_of(fresh, points), logits_of(fresh, plain))


def test_features_go_with_their_points_and_decide_nothing():
    points = random_clouds(2, 50)
    number = torch.arange(50.0)[None, :, None].expand(2, -1, -1)
    scales = [(8, 8), (4, 16), (6, 4)]
    for found, bare, expected in zip(
        group_scales(torch.cat([points, number], -1), scales),
        group_scales(points, scales),
        group_scales_reference(torch.cat([points, number], -1), scales),
        strict=True,
    ):
        assert torch.equal(found.centers, bare.centers)
        assert torch.equal(found.neighborhoods[..., :3], bare.neighborhoods)
        assert torch.equal(found.neighborhoods, expected.neighborhoods)
        index = found.neighborhoods[..., 3].long().flatten(1)
        own = points.gather(1, index[..., None].expand(-1, -1, 3)).view_as(bare.neighborhoods)
        assert torch.equal(own - found.centers[:, :, None], bare.neighborhoods)


@pytest.mark.parametrize("head", ["mlp", "linear"])
def test_a_query_is_labelled_by_its_own_features(head):
    model = make("point_mae", "part_segmentation", None, 1, head=head, **SIZES).eval()
    with torch.no_grad():
        (model.head.own if head == "linear" else model.head.local[0].features).normal_()
    points = featured(random_clouds(3, 60), 1, 1.0)
    queries = points.clone()
    queries[:, 5, 3] += 1
    before = model(points, torch.arange(3), points).logits
    after = model(points, torch.arange(3), queries).logits
    changed = (before != after).any(-1)
    assert changed[:, 5].all()
    assert changed.sum() == 3


def test_a_linear_head_reads_mean_and_deviation_of_a_clouds_features():
    points = featured(random_clouds(3, 60), 2, 1.0)
    model = make("point_mae", num_features=2, head="linear", **SIZES).eval()
    bare = make("point_mae", head="linear", **SIZES).eval()
    bare.load_state_dict({key: value for key, value in model.state_dict().items() if "features" not in key})
    before = logits_of(model, points)
    assert torch.equal(before, logits_of(bare, points[..., :3]))
    with torch.no_grad():
        model.head.features.normal_()
    values = points[..., 3:].double()
    summary = torch.cat([values.mean(1), values.std(1, correction=0)], 1)
    expected = before.double() + summary @ model.head.features.double().T
    torch.testing.assert_close(logits_of(model, points).double(), expected, atol=1e-5, rtol=0)


def test_wrong_widths_and_tasks_are_refused():
    model = make("point_mae", num_features=3, **SIZES)
    with pytest.raises(ShapeError, match=r"\(B, N, 6\) for 3 features beside x, y, z, not \(2, 60, 3\)"):
        model(random_clouds(2, 60))
    with pytest.raises(ConfigError, match="num_features is 3, but pre-training knows x, y, z alone"):
        create_model("point_mae_tiny", "pretraining", num_features=3)
    with pytest.raises(ConfigError, match="num_features"):
        create_model("point_mae_tiny", num_features=-1)


def test_colours_of_pre_training_are_no_features():
    """A network of six channels takes x, y, z, colours and then features; colours that aren't there are grey."""
    points, sizes = featured(random_clouds(3, 60), 5, 1.0), {**SIZES, "channels": 6}
    bare, model = (make("point_bert", num_features=count, **sizes).eval() for count in (0, 2))
    assert model.tokenizer.first_conv[0].weight.shape == (16, 6)
    assert torch.equal(logits_of(model, points), logits_of(bare, points[..., :6]))
    with torch.no_grad():
        dict(model.named_parameters())[COLUMNS].normal_()
    grey = points.clone()
    grey[..., 3:6] = 0.4
    without = points[..., [0, 1, 2, 6, 7]]
    assert torch.equal(logits_of(model, without), logits_of(model, grey))
    assert not torch.equal(logits_of(model, points), logits_of(model, grey))
    with pytest.raises(ShapeError, match=r"\(B, N, 5\), or \(B, N, 8\) with colours, not \(3, 60, 6\)"):
        model(points[..., :6])


def test_queries_of_a_network_with_colours_have_features_only():
    points, sizes = featured(random_clouds(3, 60), 5, 1.0), {**SIZES, "channels": 6}
    model = make("point_bert", "part_segmentation", num_features=2, **sizes).eval()
    with torch.no_grad():
        model.head.local[0].features.normal_()
    own = points[..., [0, 1, 2, 6, 7]]
    assert torch.equal(logits_of(model, points), model(points, torch.arange(3), own).logits)


@pytest.mark.parametrize("name", ["uni3d_tiny", "point_bert"])
def test_colours_of_pre_training_are_taken_from_features(name):
    sizes = {**SIZES, "channels": 6, "num_features": 4}
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, color_features=1, **sizes).eval()
    torch.manual_seed(0)
    given = create_model(name, num_classes=5, **sizes).eval()
    given.load_state_dict(model.state_dict())
    points = torch.cat([random_clouds(3, 60), 2 * torch.rand(3, 60, 4) - 1], -1)
    colors = (points[..., 4:7] + 1) / 2
    expected = logits_of(given, torch.cat([points[..., :3], colors, points[..., 3:]], -1))
    assert torch.equal(logits_of(model, points), expected)
    assert not torch.equal(logits_of(given, points), expected)  # grey
    assert model.sizes.as_dict()["color_features"] == 1
    with pytest.raises(ConfigError, match="needs a backbone of 6 channels"):
        create_model("point_mae", num_features=3, color_features=0)
    with pytest.raises(ConfigError, match="color_features"):
        create_model(name, num_features=3, color_features=1)
