import pytest
import torch

from pointlora.training.hidden_fitting import fit_hidden
from pointlora.training.logistic_regression import Rows, fit_rows


def crossed(count, seed, shift=0.0, factor=1.0):
    """Two numbers whose signs are alike or not, which no linear layer tells, and one that means nothing."""
    features = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    labels = (features[:, 0] * features[:, 1] > 0).long()
    return Rows(features * factor + shift, labels, torch.arange(count))


def right(fit, rows):
    hidden = (rows.features @ fit.enter.weight.T + fit.enter.bias).relu()
    return float(((hidden @ fit.leave.weight.T + fit.leave.bias).argmax(1) == rows.labels).float().mean())


def test_it_learns_what_no_linear_layer_can():
    rows, fresh = crossed(200, 0), crossed(500, 1)
    linear = fit_rows(rows, 2, [1e-3])[0]
    assert float(((fresh.features @ linear.weight.T + linear.bias).argmax(1) == fresh.labels).float().mean()) < 0.65
    assert right(fit_hidden([rows], 2, 32, 0.2), fresh) > 0.88


def test_it_repeats_and_leaves_the_random_numbers_alone():
    rows = crossed(40, 0)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first, again, other = (fit_hidden([rows], 2, 4, 0.2, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(first.enter.weight, again.enter.weight)
    assert torch.equal(first.leave.bias, again.leave.bias)
    assert not torch.equal(first.enter.weight, other.enter.weight)


def test_features_may_have_any_scale_and_place():
    fits = [fit_hidden([crossed(60, 0, *place)], 2, 16, 0.2) for place in ((0.0, 1.0), (8.0, 100.0))]
    moved = crossed(500, 1, 8.0, 100.0)
    plain = crossed(500, 1)
    answers = []
    for fit, rows in zip(fits, (plain, moved), strict=True):
        hidden = (rows.features @ fit.enter.weight.T + fit.enter.bias).relu()
        answers.append(hidden @ fit.leave.weight.T + fit.leave.bias)
    torch.testing.assert_close(*answers, atol=0.05, rtol=0.02)


def test_all_copies_are_learned_from():
    features = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    rows = Rows(features, (features[:, 0] > 0).long(), torch.arange(60))
    mirrored = rows._replace(features=features * torch.tensor([-1.0, 1.0]) + torch.tensor([0.0, 8.0]))
    alone, both = fit_hidden([rows], 2, 32, 0.0), fit_hidden([rows, mirrored], 2, 32, 0.0)
    assert right(alone, mirrored) < 0.2
    assert right(both, mirrored) > 0.95
    assert right(both, rows) > 0.95


@pytest.mark.parametrize("count", [2, 3, 15, 16, 17])
def test_a_few_clouds_are_enough(count):
    rows = Rows(torch.eye(count), torch.arange(count) % 2, torch.arange(count))
    fit = fit_hidden([rows], 2, 8, 0.2)
    assert right(fit, rows) == 1
    assert all(value.isfinite().all() for part in fit for value in part)


def test_the_classes_count_by_their_weights():
    labels = torch.tensor([0] * 30 + [1] * 10)
    rows = Rows(torch.zeros(40, 2), labels, torch.arange(40))  # nothing tells them apart
    chances = []
    for weights in (None, torch.tensor([1.0, 9.0])):
        fit = fit_hidden([rows], 2, 4, 0.0, class_weights=weights)
        scores = fit.enter.bias.relu() @ fit.leave.weight.T + fit.leave.bias
        chances.append(float(scores.softmax(0)[1]))
    assert chances[0] == pytest.approx(0.25, abs=0.06)
    assert chances[1] == pytest.approx(0.75, abs=0.06)


def test_a_gain_makes_a_column_count_more():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    features = torch.cat([torch.randn(40, 300, generator=generator), labels[:, None] * 1.0], 1)
    gains = torch.ones(301)
    gains[-1] = 10.0
    fresh = torch.cat([torch.randn(400, 300, generator=generator), (torch.arange(400) % 2)[:, None] * 1.0], 1)
    rows, tried = Rows(features, labels, labels), Rows(fresh, torch.arange(400) % 2, torch.arange(400))
    plain, raised = (right(fit_hidden([rows], 2, 16, 0.2, gains=each), tried) for each in (None, gains))
    assert raised > 0.98 > plain


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_a_feature_that_is_always_the_same_is_not_read(noise):
    rows = crossed(60, 0)
    generator = torch.Generator().manual_seed(1)
    still = torch.tensor([5.0, 0.0]) + noise * torch.randn(60, 2, generator=generator)
    fit = fit_hidden([rows._replace(features=torch.cat([rows.features, still], 1))], 2, 16, 0.2)
    assert not fit.enter.weight[:, 3:].any()
    assert right(fit, rows._replace(features=torch.cat([rows.features, still + 1], 1))) > 0.9


def test_clouds_that_are_all_alike_say_nothing():
    rows = Rows(torch.ones(6, 4), torch.arange(6) % 2, torch.arange(6))
    fit = fit_hidden([rows], 2, 8, 0.2)
    assert not fit.enter.weight.any()
    assert all(value.isfinite().all() for part in fit for value in part)
