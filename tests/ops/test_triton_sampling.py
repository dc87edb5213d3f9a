import pytest
import torch

from clouds import lattice_clouds, random_clouds
from pointlora.ops.sampling import farthest_point_sampling_reference
from triton_runs import device, runs_kernels

pytestmark = runs_kernels


def sample(clouds, num_samples, starts, lengths=None):
    from pointlora.ops.triton_sampling import sample_rows

    return sample_rows(clouds.to(device), num_samples, torch.tensor(starts, device=device), lengths).cpu()


@pytest.mark.parametrize("clouds", [random_clouds(2, 257), lattice_clouds(2, 5), torch.zeros(2, 40, 3)])
def test_equals_the_reference_index_for_index(clouds):
    for starts in ([0, 0], [7, 3]):
        expected = farthest_point_sampling_reference(clouds, 33, start=torch.tensor(starts))
        assert torch.equal(sample(clouds, 33, starts), expected)


@pytest.mark.parametrize("filler", [0.0, 1e6, torch.nan])
def test_padding_is_never_picked(filler):
    clouds, lengths = random_clouds(3, 100), torch.tensor([100, 50, 30])
    for cloud, length in zip(clouds, lengths, strict=True):
        cloud[length:] = filler
    expected = farthest_point_sampling_reference(clouds, 30, lengths=lengths)
    assert torch.equal(sample(clouds, 30, [0, 0, 0], lengths), expected)


@pytest.mark.parametrize("num_points", [1, 2, 64])
def test_all_points_of_small_clouds(num_points):
    clouds = random_clouds(2, num_points)
    expected = farthest_point_sampling_reference(clouds, num_points)
    assert torch.equal(sample(clouds, num_points, [0, 0]), expected)


def test_a_view_of_other_points_is_read_as_what_it_shows():
    wide = random_clouds(2, 120).unflatten(1, (60, 2))[:, :, 1]
    assert torch.equal(sample(wide, 20, [0, 0]), farthest_point_sampling_reference(wide, 20))
