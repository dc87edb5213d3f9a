import pytest
import torch

from clouds import lattice_clouds, random_clouds
from pointlora.errors import ShapeError
from pointlora.ops import grouping
from pointlora.ops.grouping import group_scales, group_scales_reference

SCALES = {
    "one": [(32, 16)],
    "equal": [(32, 16), (32, 16)],
    "release": [(32, 16), (32, 16), (16, 32)],
    "nested": [(16, 8), (32, 16)],
    "three": [(8, 64), (32, 4), (16, 16), (32, 8)],
}


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES.keys())
@pytest.mark.parametrize("points", [random_clouds(2, 150), lattice_clouds(1, 5)], ids=["random", "lattice"])
def test_one_pass_equals_separate_groupings(points, scales):
    for fast, reference in zip(group_scales(points, scales), group_scales_reference(points, scales), strict=True):
        assert torch.equal(fast.centers, reference.centers)
        assert torch.equal(fast.neighborhoods, reference.neighborhoods)


def test_sampling_runs_once_and_equal_scales_share_their_tensors(monkeypatch):
    calls = []
    sample = grouping.farthest_point_sampling
    monkeypatch.setattr(grouping, "farthest_point_sampling", lambda *a, **k: (calls.append(a[1]), sample(*a, **k))[1])
    main, first, _ = group_scales(random_clouds(1, 100), SCALES["release"])
    assert calls == [32]
    assert main.neighborhoods is first.neighborhoods


def test_padded_clouds_are_grouped_as_if_alone():
    points, lengths = random_clouds(2, 100), torch.tensor([100, 60])
    padded = group_scales(points, [(16, 8)], lengths=lengths)[0]
    alone = group_scales(points[1:, :60], [(16, 8)])[0]
    assert torch.equal(padded.neighborhoods[1:], alone.neighborhoods)


def test_a_patch_begins_with_its_own_center():
    patches = group_scales(random_clouds(1, 80), [(10, 5)])[0]
    assert patches.neighborhoods[:, :, 0].abs().max() == 0


@pytest.mark.parametrize(("scale", "message"), [((81, 4), "num_groups is 81"), ((4, 81), "group_size is 81")])
def test_too_few_points_are_named(scale, message):
    with pytest.raises(ShapeError, match=f"{message}.*80 points"):
        group_scales(random_clouds(1, 80), [scale])
