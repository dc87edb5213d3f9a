import pytest
import torch

from clouds import random_clouds
from pointlora import create_model
from pointlora.errors import ShapeError


def test_clouds_smaller_than_the_patches_are_named():
    model = create_model("point_mae_tiny", num_classes=3).eval()
    with pytest.raises(ShapeError, match="clouds of 50 points are too small for patches of 64 x 32"):
        model(random_clouds(1, 50))
    with pytest.raises(ShapeError, match="list of 2 clouds"):
        model([torch.zeros(80, 3), torch.zeros(90, 3)])


def test_levels_are_the_normalised_outputs_of_those_blocks():
    model = create_model("point_mae_tiny", num_classes=3, depth=4).eval()
    points = random_clouds(1, 100)
    levels = model.encode(points, levels=(1, 3))
    (last,) = model.encode(points)
    assert len(levels) == 2
    assert torch.equal(levels[1].tokens, last.tokens)
    assert last.tokens.shape == (1, 65, 192)
    assert levels[0].tokens.mean(-1).abs().max() < 1e-5
