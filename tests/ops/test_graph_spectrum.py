"""Fourier bases of graphs of centers, and the Z-order curve."""

import torch

from clouds import random_clouds
from pointlora.ops.graph_spectrum import fourier_basis, z_order


def test_a_basis_by_hand():
    centers = random_clouds(2, 12).view(2, 3, 4, 3)
    basis = fourier_basis(centers).double()
    exact = centers.double()
    distances = (exact[..., :, None, :] - exact[..., None, :, :]).norm(dim=-1)
    smallest = [distances[cloud][distances[cloud] > 0].min() for cloud in range(2)]
    for cloud in range(2):
        for graph in range(3):
            weights = 1 / (distances[cloud, graph] / smallest[cloud] + torch.eye(4))
            scale = torch.diag((weights.sum(1) + 1e-6) ** -0.5)
            laplacian = torch.eye(4) - scale @ weights @ scale
            vectors = basis[cloud, graph]
            values = torch.diag(vectors.T @ laplacian @ vectors)
            torch.testing.assert_close(vectors.T @ vectors, torch.eye(4).double(), atol=1e-6, rtol=0)
            torch.testing.assert_close(laplacian @ vectors, vectors * values, atol=1e-6, rtol=0)
            assert (values.diff() >= -1e-6).all()
            assert (vectors.gather(0, vectors.abs().argmax(0, keepdim=True)) > 0).all()


def test_a_cloud_has_the_basis_that_it_has_alone_and_doubled_centers_have_one():
    centers = random_clouds(3, 16).view(3, 2, 8, 3)
    assert torch.equal(fourier_basis(centers)[1:2], fourier_basis(centers[1:2]))
    centers[0, 0, 1] = centers[0, 0, 0]
    centers[1] = 0
    assert fourier_basis(centers).isfinite().all()


def test_z_order_by_hand():
    points = random_clouds(2, 50)
    points[0, 3] = points[0, 30]

    def key(point):
        cells = [int(100 * value) & 0xFFFF for value in point.tolist()]  # `int` cuts towards zero
        bits = [f"{cell:016b}" for cell in cells]
        return int("".join(y + x + z for x, y, z in zip(*bits, strict=True)), 2)

    for cloud, order in zip(points, z_order(points), strict=True):
        assert order.tolist() == sorted(range(50), key=lambda index: key(cloud[index]))
    corners = torch.tensor([[[0.5, -0.5, 0.5], [-0.5, 0.5, 0.5], [0.5, 0.5, -0.5], [0.5, 0.5, 0.5]]])
    assert z_order(corners).tolist() == [[3, 2, 1, 0]]
