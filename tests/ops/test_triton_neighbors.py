import pytest
import torch

from clouds import lattice_clouds, random_clouds
from pointlora.ops.neighbors import k_nearest_neighbors_reference
from triton_runs import device, runs_kernels

pytestmark = runs_kernels


def nearest(queries, points, k, lengths=None):
    from pointlora.ops.triton_neighbors import nearest_rows

    return nearest_rows(queries.to(device), points.to(device), k, lengths).cpu()


@pytest.mark.parametrize("points", [random_clouds(2, 200), lattice_clouds(2, 5), torch.ones(1, 30, 3)])
def test_equals_the_reference_index_for_index(points):
    queries = points[:, 3:9]
    assert torch.equal(nearest(queries, points, 17), k_nearest_neighbors_reference(queries, points, 17))


@pytest.mark.parametrize("filler", [0.0, torch.nan])
def test_padding_is_never_a_neighbour(filler):
    points, lengths = random_clouds(2, 60), torch.tensor([60, 20])
    points[1, 20:] = filler
    expected = k_nearest_neighbors_reference(points[:, :5], points, 20, lengths=lengths)
    assert torch.equal(nearest(points[:, :5], points, 20, lengths), expected)


def test_all_points_in_order_of_their_distance():
    points = random_clouds(1, 64)
    assert torch.equal(nearest(points[:, :2], points, 64), k_nearest_neighbors_reference(points[:, :2], points, 64))
