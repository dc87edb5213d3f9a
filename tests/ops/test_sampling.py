import pytest
import torch

from clouds import lattice_clouds, random_clouds
from pointlora.errors import ShapeError
from pointlora.ops import sampling
from pointlora.ops.sampling import farthest_point_sampling, farthest_point_sampling_reference


@pytest.fixture(autouse=True, params=[1, 1 << 16], ids=["in blocks", "at once"])
def worthwhile(request, monkeypatch):
    """The largest distance is looked for in either way, whatever the size."""
    monkeypatch.setattr(sampling, "_WORTHWHILE", request.param)


@pytest.mark.parametrize("clouds", [random_clouds(3, 257), lattice_clouds(2, 5), torch.zeros(2, 40, 3)])
def test_equals_the_reference_index_for_index(clouds):
    for start in (0, 7):
        fast = farthest_point_sampling(clouds, 33, start=start)
        assert torch.equal(fast, farthest_point_sampling_reference(clouds, 33, start=start))
        assert (fast[:, 0] == start).all()


def test_picks_the_corners_of_a_line():
    line = torch.zeros(1, 5, 3)
    line[0, :, 0] = torch.tensor([0.0, 1.0, 2.0, 3.0, 10.0])
    assert farthest_point_sampling(line, 5).tolist() == [[0, 4, 3, 1, 2]]


def test_a_shorter_run_is_the_beginning_of_a_longer_one():
    clouds = random_clouds(2, 300)
    assert torch.equal(farthest_point_sampling(clouds, 128)[:, :64], farthest_point_sampling(clouds, 64))


@pytest.mark.parametrize("filler", [0.0, 1e6, torch.nan])
def test_padding_is_never_picked_and_changes_nothing(filler):
    clouds, lengths = random_clouds(3, 100), torch.tensor([100, 50, 30])
    for cloud, length in zip(clouds, lengths, strict=True):
        cloud[length:] = filler
    picks = farthest_point_sampling(clouds, 30, lengths=lengths)
    for cloud, length, row in zip(clouds, lengths, picks, strict=True):
        assert torch.equal(row[None], farthest_point_sampling(cloud[None, :length], 30))
    assert torch.equal(picks, farthest_point_sampling_reference(clouds, 30, lengths=lengths))


def test_each_cloud_may_have_its_own_start():
    picks = farthest_point_sampling(random_clouds(2, 50), 5, start=torch.tensor([3, 9]))
    assert picks[:, 0].tolist() == [3, 9]


def test_input_is_untouched_and_half_precision_is_accepted():
    clouds = random_clouds(1, 64)
    before = clouds.clone()
    assert farthest_point_sampling(clouds.half(), 8).shape == (1, 8)
    farthest_point_sampling(clouds, 8)
    assert torch.equal(clouds, before)


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        ([torch.zeros(4, 3), torch.zeros(5, 3)], {}, r"list of 2 clouds with \[4, 5\] points.*lengths"),
        (torch.zeros(4, 3), {}, r"shape \(B, N, 3\), not \(4, 3\)"),
        (torch.zeros(1, 4, 2), {}, r"not \(1, 4, 2\)"),
        (torch.zeros(1, 4, 3, dtype=torch.int64), {}, "int64"),
        (torch.zeros(1, 0, 3), {}, "no points"),
        (torch.zeros(1, 4, 3), {"num_samples": 5}, "num_samples is 5.*the 4 points"),
        (torch.zeros(1, 4, 3), {"num_samples": 0}, "num_samples is 0"),
        (torch.zeros(1, 4, 3), {"start": 4}, "start"),
        (torch.zeros(2, 4, 3), {"lengths": torch.tensor([4, 1])}, "cloud 1 has length 1"),
        (torch.zeros(2, 4, 3), {"lengths": torch.tensor([4])}, "lengths must be"),
    ],
)
def test_bad_input_is_named(points, options, message):
    with pytest.raises(ShapeError, match=message):
        farthest_point_sampling(points, **{"num_samples": 2, **options})


def test_a_large_cloud_gives_the_picks_of_the_reference():
    # Larger than the size from which blocks are searched, and no multiple of a block.
    cloud = lattice_clouds(1, 41)[:, :68_001]
    assert cloud.shape[1] == 68_001
    assert torch.equal(farthest_point_sampling(cloud, 20), farthest_point_sampling_reference(cloud, 20))
