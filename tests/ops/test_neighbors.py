import pytest
import torch

from clouds import lattice_clouds, random_clouds
from pointlora.errors import ShapeError
from pointlora.ops.neighbors import (
    gather_points,
    k_nearest_neighbors,
    k_nearest_neighbors_reference,
    nearest_in_blocks,
    squared_distances,
)


@pytest.mark.parametrize("points", [random_clouds(2, 200), lattice_clouds(2, 5), torch.ones(1, 30, 3)])
def test_equals_the_reference_index_for_index(points):
    queries = points[:, 3:20]
    assert torch.equal(k_nearest_neighbors(queries, points, 17), k_nearest_neighbors_reference(queries, points, 17))


def test_close_points_far_from_the_origin_keep_their_order():
    points = torch.tensor([[[1000.0, 0, 0], [1000.001, 0, 0], [1000.003, 0, 0], [1000.006, 0, 0]]])
    assert k_nearest_neighbors(points[:, :1], points, 4).tolist() == [[[0, 1, 2, 3]]]


def test_distances_are_those_of_float64():
    queries, points = random_clouds(2, 9), random_clouds(2, 31, seed=1)
    exact = (queries.double()[:, :, None] - points.double()[:, None]).square().sum(-1)
    torch.testing.assert_close(squared_distances(queries, points).double(), exact, rtol=1e-6, atol=0)


def test_padding_is_never_a_neighbour():
    points, lengths = random_clouds(2, 60), torch.tensor([60, 20])
    found = k_nearest_neighbors(points[:, :5], points, 20, lengths=lengths)
    assert found[1].max() < 20
    assert torch.equal(found, k_nearest_neighbors_reference(points[:, :5], points, 20, lengths=lengths))


def test_gather_points_picks_rows():
    points, index = random_clouds(2, 10), torch.tensor([[[1, 2], [3, 3]], [[0, 9], [5, 4]]])
    gathered = gather_points(points, index)
    assert gathered.shape == (2, 2, 2, 3)
    assert torch.equal(gathered[1, 0, 1], points[1, 9])


def test_more_neighbours_than_points_is_an_error():
    with pytest.raises(ShapeError, match="k is 11.*the 10 points"):
        k_nearest_neighbors(random_clouds(1, 2), random_clouds(1, 10), 11)


@pytest.mark.parametrize("elements", [1, 300, 1000, 7000])
@pytest.mark.parametrize("lengths", [None, torch.tensor([100, 40, 60, 100, 17])])
def test_blocks_of_any_size_find_the_same(elements, lengths):
    points = random_clouds(5, 100)
    expected = k_nearest_neighbors_reference(points[:, :12], points, 9, lengths=lengths)
    assert torch.equal(nearest_in_blocks(points[:, :12], points, 9, lengths, elements), expected)


def test_distances_round_every_operation():
    queries, points = random_clouds(2, 40), random_clouds(2, 90, seed=1)
    dx, dy, dz = (queries[:, :, None] - points[:, None]).unbind(-1)
    assert torch.equal(squared_distances(queries, points), dx * dx + dy * dy + dz * dz)
