"""Features of files of every kind, by their names; what a file lacks; points without a feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointlora.data.datasets.files import shared_features
from pointlora.data.files import FeatureChoice, LabelChoice, read_point_cloud, write_ply
from pointlora.errors import DataError

RNG = np.random.default_rng(0)
POINTS = RNG.random((40, 3)).astype(np.float32)
BYTES = RNG.integers(0, 256, (40, 3), dtype=np.uint8)
INTENSITY = RNG.random(40).astype(np.float32)
COLORS = ("red", "green", "blue")


def features_of(path: Path, *names: str) -> np.ndarray:
    cloud = read_point_cloud(path, features=FeatureChoice(names))
    assert cloud.features is not None
    assert cloud.featured.shape == (len(cloud), 3 + len(names))
    return cloud.features


def test_colours_are_from_0_to_255_in_all_files(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", POINTS, BYTES)
    np.savez(tmp_path / "a.npz", points=POINTS, colors=BYTES / np.float32(255))
    np.savetxt(tmp_path / "a.csv", np.column_stack([POINTS, BYTES]), delimiter=",", header="x,y,z,R,G,B", comments="")
    np.savetxt(tmp_path / "b.xyz", np.column_stack([POINTS, BYTES / 255]), header="x y z r g b")
    np.savetxt(tmp_path / "c.xyz", np.column_stack([POINTS, BYTES]))  # without names
    for name in ("a.ply", "a.npz", "a.csv", "b.xyz", "c.xyz"):
        np.testing.assert_allclose(features_of(tmp_path / name, "blue", "red"), BYTES[:, [2, 0]], atol=0.5)


def test_las(tmp_path: Path) -> None:
    laspy = pytest.importorskip("laspy")
    file = laspy.LasData(laspy.LasHeader(point_format=3, version="1.2"))
    file.x, file.y, file.z = POINTS.T.astype(float)
    file.red, file.green, file.blue = (BYTES.astype(np.uint16) << 8).T
    file.intensity = np.arange(40)
    file.return_number = np.ones(40, np.uint8)
    file.gps_time = np.arange(40.0)
    file.write(str(tmp_path / "a.las"))
    found = features_of(tmp_path / "a.las", *COLORS, "intensity", "return_number", "gps_time")
    np.testing.assert_array_equal(found, np.column_stack([BYTES, np.arange(40), np.ones(40), np.arange(40)]))
    # Returns are the same at all points; times say nothing of another file.
    assert shared_features([str(tmp_path / "a.las")]) == (*COLORS, "intensity")


def test_scalar_fields_and_any_case(tmp_path: Path) -> None:
    table = np.column_stack([POINTS, INTENSITY])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="x,y,z,scalar_Intensity", comments="")
    np.testing.assert_allclose(features_of(tmp_path / "a.csv", "intensity")[:, 0], INTENSITY, rtol=1e-6)
    assert shared_features([str(tmp_path / "a.csv")]) == ("intensity",)
    np.savetxt(tmp_path / "b.csv", table, delimiter=",", header="x,y,z,Amplitude", comments="")
    np.testing.assert_allclose(features_of(tmp_path / "b.csv", "amplitude")[:, 0], INTENSITY, rtol=1e-6)
    assert shared_features([str(tmp_path / name) for name in ("a.csv", "b.csv")]) == ()


def test_a_feature_that_isnt_there(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", POINTS, BYTES, {"intensity": INTENSITY})
    with pytest.raises(DataError) as error:
        features_of(tmp_path / "a.ply", "intensty")
    assert str(error.value) == (
        f"{tmp_path / 'a.ply'}: has no feature 'intensty'; did you mean 'intensity'? beside x, y, z it has red, green, "
        "blue, intensity"
    )
    cloud = read_point_cloud(
        tmp_path / "a.ply", features=FeatureChoice(("red", "nx", "ny", "nz"), (1.0, 2.0, 3.0, 4.0))
    )
    assert cloud.missing == ("nx", "ny", "nz")
    assert cloud.features is not None
    assert np.array_equal(cloud.features[:, 0], BYTES[:, 0])
    assert np.array_equal(cloud.features[:, 1:], np.tile([2.0, 3.0, 4.0], (40, 1)))


def test_a_mesh_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.off").write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    with pytest.raises(DataError, match=r"a.off: has no feature 'red': it is a mesh"):
        read_point_cloud(tmp_path / "a.off", features=FeatureChoice(("red",)))
    cloud = read_point_cloud(tmp_path / "a.off", 20, features=FeatureChoice(("red",), (127.5,)))
    assert np.array_equal(cloud.featured[:, 3], np.full(20, 127.5))


def test_points_without_a_feature_are_left_out(tmp_path: Path) -> None:
    intensity = INTENSITY.copy()
    intensity[[3, 7]] = np.nan
    points = POINTS.copy()
    points[5] = np.nan
    labels = np.arange(40)
    np.savez(tmp_path / "a.npz", points=points, intensity=intensity, labels=labels)
    cloud = read_point_cloud(tmp_path / "a.npz", labels=LabelChoice(), features=FeatureChoice(("intensity",)))
    kept = np.delete(np.arange(40), [3, 5, 7])
    assert cloud.labels is not None
    assert np.array_equal(cloud.labels, kept)
    assert np.array_equal(cloud.featured, np.column_stack([POINTS, INTENSITY])[kept])
    assert cloud.num_dropped == 3
    assert cloud.warnings[0].endswith("3 of 40 points have no coordinates or features (NaN) and were left out")
    assert np.flatnonzero(cloud.spread(cloud.labels, -1) < 0).tolist() == [3, 5, 7]
    assert len(read_point_cloud(tmp_path / "a.npz")) == 39
    intensity[3] = np.inf
    np.savez(tmp_path / "a.npz", points=points, intensity=intensity)
    with pytest.raises(DataError, match="feature 'intensity' is infinite at a point"):
        features_of(tmp_path / "a.npz", "intensity")
