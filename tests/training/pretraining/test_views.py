import pytest
import torch

from pointlora.training.pretraining.views import ONE_SIDED, second_views

KEYS = [(epoch, index) for epoch in range(2) for index in range(100)]


@pytest.fixture(scope="module")
def views():
    return second_views(5, KEYS, 16, 9, "z")


def test_each_is_a_function_of_its_key(views):
    again = second_views(5, KEYS[130:131], 16, 9, "z")
    for part, alone in zip(views, again, strict=True):
        assert torch.equal(part[130], alone[0])
        assert len(part.flatten(1).unique(dim=0)) > 90, "different epochs and indices draw different things"
    assert not torch.equal(second_views(6, KEYS, 16, 9, "z").linear_map, views.linear_map)


def test_maps_turn_about_the_up_axis_and_scale(views):
    scales = torch.linalg.norm(views.linear_map, dim=1)
    assert scales.min() >= 2 / 3 - 1e-6
    assert scales.max() <= 1.5 + 1e-6
    turns = views.linear_map / scales[:, None]
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).expand(200, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(200), atol=1e-5, rtol=0)
    assert (turns[:, 2] == torch.tensor([0.0, 0.0, 1.0])).all()
    upright = second_views(5, KEYS, 16, 9, "x").linear_map
    assert (upright[:, 0, 1:] == 0).all()


def test_masks_and_shifts(views):
    assert (views.mask.sum(1) == 9).all()
    assert views.shift.abs().max() <= 0.2
    assert views.shift.abs().mean() == pytest.approx(0.1, abs=0.01)


def test_about_half_show_one_side(views):
    assert (views.direction.any(1).float().mean()).item() == pytest.approx(ONE_SIDED, abs=0.1)
