"""The plane of the features, and neighbours among them, against plain definitions."""

import numpy as np
import pytest

from pointlora.reporting.features import directions_of, nearest, principal_plane


def test_a_turned_plane_is_found_again():
    rng = np.random.default_rng(0)
    flat = np.stack([rng.uniform(-5, 5, 300), rng.uniform(-2, 2, 300)], 1)
    flat -= flat.mean(0)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0][:, :2]
    plane, shares = principal_plane(flat @ turn.T + 7.0)
    assert sum(shares) == pytest.approx(1)
    values = np.linalg.eigvalsh(np.cov(flat.T))[::-1]
    assert shares == pytest.approx(tuple(values / values.sum()))
    assert np.abs(plane).max() == pytest.approx(1)
    # Distances are those of the features, on one scale.
    distance = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    found = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    assert found == pytest.approx(distance * found.max() / distance.max(), abs=1e-5)
    again, _ = principal_plane(flat @ turn.T)
    assert again == pytest.approx(plane, abs=1e-5)


@pytest.mark.parametrize("features", [np.ones((4, 3)), np.arange(2.0)[:, None]])
def test_without_a_plane(features):
    plane, shares = principal_plane(features)
    assert plane.shape == (len(features), 2)
    assert np.isfinite(plane).all()
    assert 0 <= sum(shares) <= 1 + 1e-12


def test_nearest_by_angle():
    origin = np.array([1.0, 1.0])
    others = directions_of(np.array([[9.0, 1.0], [1.0, 2.0], [1.0, -5.0]]), origin)
    places, distances = nearest(directions_of(np.array([[3.0, 1.5], [1.0, 1.0]]), origin), others, 2)
    assert places[0].tolist() == [0, 1]
    length = np.hypot(2, 0.5)
    assert distances[0] == pytest.approx([1 - 2 / length, 1 - 0.5 / length])
    assert np.isfinite(distances).all()  # of a row at the origin too
