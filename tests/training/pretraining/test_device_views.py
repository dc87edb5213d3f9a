import pytest
import torch

from pointlora.training.pretraining.device_views import FIRST, SECOND, ViewRanges, make_views, seen_from

NOTHING = ViewRanges(turned=0.0, one_sided=0.0, cut=0.0, thinned=0.0, jitter=0.0, tilt=0.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def clouds():
    points = torch.nn.functional.normalize(torch.randn(40, 300, 3, generator=generator()), dim=2)
    points = points - points.mean(1, keepdim=True)
    return points / points.norm(dim=2).amax(1)[:, None, None]


def test_a_view_is_a_function_of_its_generator(clouds):
    first, again, other = (make_views(clouds, 200, 2, SECOND, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert first.shape == (40, 200, 3)
    assert not torch.isclose(first, other).all(2).any(1).all()


def test_without_any_change_it_is_the_cloud_in_another_order_scaled_and_shifted(clouds):
    view = make_views(clouds, 300, 2, NOTHING, generator(3))
    for cloud, seen in zip(clouds, view, strict=True):
        # Each axis was scaled and shifted by itself: its values, sorted, are those of the cloud by a line.
        for axis in range(3):
            before, after = cloud[:, axis].sort().values, seen[:, axis].sort().values
            scale = (after[-1] - after[0]) / (before[-1] - before[0])
            torch.testing.assert_close(after - after[0], scale * (before - before[0]), atol=1e-5, rtol=0)
            assert 2 / 3 - 0.01 <= scale <= 1.51


def test_turns_go_about_the_up_axis(clouds):
    turned = make_views(clouds, 300, 1, NOTHING._replace(turned=1.0), generator(4))
    for cloud, seen in zip(clouds, turned, strict=True):
        before, after = cloud[:, 1].sort().values, seen[:, 1].sort().values
        scale = (after[-1] - after[0]) / (before[-1] - before[0])
        torch.testing.assert_close(after - after[0], scale * (before - before[0]), atol=1e-5, rtol=0)
        moved = seen[:, 0].sort().values
        plain = cloud[:, 0].sort().values
        line = (moved[-1] - moved[0]) / (plain[-1] - plain[0]) * (plain - plain[0])
        assert not torch.allclose(moved - moved[0], line, atol=1e-3)


def test_of_a_sphere_the_far_side_is_hidden():
    sphere = torch.nn.functional.normalize(torch.randn(1, 20_000, 3, generator=generator(5)), dim=2)
    direction = torch.tensor([[0.0, 0.0, 1.0]])
    seen = seen_from(sphere, direction)[0]
    height = sphere[0, :, 2]
    assert seen[height > 0.7].all()
    assert not seen[height < -0.6].any()
    tilted = torch.nn.functional.normalize(torch.tensor([[1.0, 2.0, -0.5]]), dim=1)
    along = (sphere[0] @ tilted[0]).squeeze()
    seen = seen_from(sphere, tilted)[0]
    assert seen[along > 0.7].all()
    assert not seen[along < -0.6].any()


def test_one_sided_and_thinned_views_repeat_the_points_that_are_left(clouds):
    for ranges, most in ((NOTHING._replace(one_sided=1.0), 0.9), (NOTHING._replace(thinned=1.0), 0.8)):
        view = make_views(clouds, 300, 2, ranges, generator(6))
        distinct = torch.tensor([len(seen.unique(dim=0)) for seen in view]).float()
        assert distinct.mean() < most * 300
        assert distinct.min() >= 30
    assert min(len(seen.unique(dim=0)) for seen in make_views(clouds, 300, 2, NOTHING, generator(6))) == 300


def test_the_first_view_shows_all_sides_and_the_second_often_does_not():
    sphere = torch.nn.functional.normalize(torch.randn(1, 500, 3, generator=generator(7)), dim=2).expand(60, -1, -1)
    whole = []
    for ranges in (FIRST, SECOND):
        views = make_views(sphere, 500, 2, ranges._replace(thinned=0.0, jitter=0.0), generator(8))
        whole.append(sum(len(view.unique(dim=0)) == 500 for view in views))
    assert whole[0] == 60
    assert 15 <= whole[1] <= 45
