"""Looking at clouds gives what calling the model gives, and its attention is that of the plain definition."""

import pytest
import torch
from torch.nn import functional as F

from pointlora.errors import ConfigError
from pointlora.methods.registry import apply_method
from pointlora.models.create import create_model
from pointlora.models.method import TokenSet
from pointlora.reporting.explaining import MOST_REGIONS, can_explain, explain
from pointlora.reporting.looking import look
from training_runs import SIZES


def small(name, **sizes):
    torch.manual_seed(0)
    return create_model(name, "classification", num_classes=5, **{**SIZES, **sizes}).eval()


@pytest.mark.parametrize(("name", "attention"), [("point_mae", True), ("point_gpt_s", False), ("point_jepa", False)])
def test_probabilities_are_the_models(name, attention):
    model, batches = small(name), [torch.randn(3, 64, 3), torch.randn(2, 64, 3)]
    looks = look(model, batches)
    with torch.no_grad():
        expected = torch.cat([model(points).logits.double().softmax(-1) for points in batches])
    assert torch.equal(torch.from_numpy(looks.probabilities), expected)
    assert looks.features.shape == (5, model.pooled_width)
    assert looks.centers.shape == (5, 16, 3)
    assert (looks.attention is not None) == attention


def test_attention_and_selection():
    model, points = small("point_mae"), torch.randn(2, 64, 3)
    model = apply_method(model, "pointlora").eval()
    looks = look(model, [points])
    attention = model.blocks[-1].attn
    seen = []
    attention.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        output = model(points)
        queries, keys, _ = attention.project(seen[0]).chunk(3, -1)
        heads = [F.softmax(q @ k.mT / 8**0.5, -1) for q, k in zip(queries.split(8, -1), keys.split(8, -1), strict=True)]
    expected = (sum(heads) / 2)[:, 0, 1:17]
    assert looks.attention == pytest.approx(expected.numpy(), abs=1e-6)
    assert 0 < looks.attention.sum(1).max() < 1
    assert len(looks.selected) == len(output.selected) > 0
    for found, centers in zip(looks.selected, output.selected, strict=True):
        assert found == pytest.approx(centers.numpy())


def test_nothing_to_look_at_and_no_numbers():
    model = small("point_mae")
    assert look(model, []) is None
    torch.nn.init.constant_(model.head[-1].bias, torch.nan)
    with pytest.raises(ConfigError, match="its training has diverged"):
        look(model, [torch.randn(1, 64, 3)])


@pytest.mark.parametrize("method", ["probe", "pointlora-plus"])
def test_a_fitted_head_that_reads_features_is_looked_at_and_explained(method):
    model, points = apply_method(small("point_mae", num_features=2), method).eval(), torch.randn(2, 64, 5)
    head = model.head.linear if method == "pointlora-plus" else model.head
    with torch.no_grad():
        head.features.normal_()
        expected = model(points).logits.double().softmax(-1)
    looks = look(model, [points])
    assert torch.equal(torch.from_numpy(looks.probabilities), expected)
    assert looks.features.shape == (2, model.pooled_width + 4)
    label, probability, without = explain(model, points[:1])
    assert label == int(expected[0].argmax())
    assert probability == pytest.approx(float(expected[0, label]), abs=1e-6)
    assert len(set(without.tolist())) > 8


@pytest.mark.parametrize("name", ["point_mae", "point_gpt_s"])
def test_explanation_leaves_out_one_patch(name):
    model, points = small(name), torch.randn(1, 64, 3)
    assert can_explain(model)
    label, probability, without = explain(model, points)
    with torch.no_grad():
        chances = model(points).logits.double().softmax(-1)[0]
        own = model.arrange(model.embed(model.group(points))[0])
        kept = [number for number in range(16) if number != 3]
        (sequence,) = model.encode_tokens(TokenSet(*(part[:, kept] for part in own)), [])
        expected = model.head(model.pool(sequence)).double().softmax(-1)[0, label]
    assert label == int(chances.argmax())
    assert probability == pytest.approx(float(chances[label]), abs=1e-6)
    assert len(without) == 16
    assert without[3] == pytest.approx(float(expected), abs=1e-6)
    assert len(set(without.tolist())) > 8


def test_of_many_patches_neighbours_are_left_out_together():
    model, points = small("point_mae", num_groups=48), torch.randn(1, 128, 3)
    _, _, without = explain(model, points)
    assert len(without) == 48
    assert 1 < len(set(without.tolist())) <= MOST_REGIONS
