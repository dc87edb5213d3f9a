"""Scans: each perturbation alone does what it says, with a figure; all together keep size, labels and determinism."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.errors import ConfigError, ShapeError
from pointlora.procedural import (
    CATEGORIES,
    CLUTTER,
    PART_NAMES,
    ProceduralShape,
    ScanOptions,
    generate_shape,
    scan,
)
from pointlora.procedural.primitives import Ellipsoid

NOTHING = {
    "rotation": 0.0,
    "tilt": 0.0,
    "views": 0,
    "crop": 0.0,
    "clutter": 0.0,
    "density": 0.0,
    "noise": 0.0,
    "outliers": 0.0,
}


def only(**strengths) -> ScanOptions:
    return ScanOptions(**{**NOTHING, **strengths})


def sphere(count: int = 6000) -> ProceduralShape:
    points = Ellipsoid(1.0, 1.0, 1.0).sample(np.random.default_rng(0), count)
    return ProceduralShape(points.astype(np.float32), np.zeros(count, dtype=np.int64), 0)


@pytest.mark.parametrize("name", CATEGORIES)
def test_default_scans_are_exact_in_size_normalised_and_labelled(name):
    for seed in range(4):
        result = scan(name, seed, 512)
        assert result.points.shape == (512, 3)
        assert result.points.dtype == np.float32
        assert np.isfinite(result.points).all()
        assert np.abs(result.points.mean(axis=0)).max() < 1e-4
        assert np.linalg.norm(result.points, axis=1).max() == pytest.approx(1.0, abs=1e-5)
        assert result.category == CATEGORIES.index(name)
        assert result.parts.min() >= CLUTTER
        assert result.parts.max() < len(PART_NAMES[name])
        assert np.mean(result.parts != CLUTTER) > 0.3


def test_scans_are_deterministic_in_the_seed():
    shape = generate_shape("mug", 1, 3000)
    first, again, other = (scan(shape, seed, 1000) for seed in (5, 5, 6))
    assert first.points.tobytes() == again.points.tobytes()
    assert first.parts.tobytes() == again.parts.tobytes()
    assert first.points.tobytes() != other.points.tobytes()
    assert scan("mug", 2).points.tobytes() == scan(CATEGORIES.index("mug"), 2, 2048).points.tobytes()


def test_without_perturbations_a_scan_is_the_shape():
    shape = generate_shape("chair", 3, 400)
    result = scan(shape, 0, options=only())
    order, expected = np.lexsort(result.points.T), np.lexsort(shape.points.T)
    assert result.points[order] == pytest.approx(shape.points[expected], abs=1e-5)
    assert (result.parts[order] == shape.parts[expected]).all()


def test_one_view_leaves_one_side_of_a_sphere():
    for seed in range(5):
        result = scan(sphere(), seed, 1500, only(views=1))
        # Everything but the visible cap is gone, so that the cap's centroid has moved and its extent is about half.
        spread = np.sort(np.linalg.svd(result.points - result.points.mean(axis=0), compute_uv=False))
        assert spread[0] / spread[2] < 0.6
    whole = np.sort(np.linalg.svd(scan(sphere(), 0, 1500, only()).points, compute_uv=False))
    assert whole[0] / whole[2] > 0.93


def test_noise_has_at_most_the_given_deviation():
    shape = sphere(1000)
    for seed in range(4):
        result = scan(shape, seed, options=only(noise=0.05))
        radius = np.linalg.norm(result.points, axis=1)
        # The radial spread of a noisy unit sphere is the noise; normalising shrinks it by the farthest radius.
        deviation = radius.std() / radius.mean()
        assert 0.015 < deviation < 0.055


def test_clutter_and_outliers_are_labelled():
    share = [np.mean(scan("stool", seed, 1024, only(clutter=0.5)).parts == CLUTTER) for seed in range(20)]
    assert 0.15 < np.mean(share) < 0.6
    assert max(share) > 0.3
    outliers = np.mean([np.mean(scan("stool", s, 1024, only(outliers=0.1)).parts == CLUTTER) for s in range(10)])
    assert outliers == pytest.approx(0.1, abs=0.012)
    assert all((scan("stool", seed, 1024, only()).parts != CLUTTER).all() for seed in range(3))


def test_the_floor_lies_under_the_object():
    for seed in range(20):
        result = scan(generate_shape("stool", seed, 3000), seed, 1000, only(clutter=0.3))
        floor = result.points[result.parts == CLUTTER, 2].min()
        assert floor == pytest.approx(result.points[result.parts != CLUTTER, 2].min(), abs=0.03)


def test_density_falls_with_distance():
    near_share = []
    for seed in range(8):
        result = scan(sphere(), seed, 1000, only(density=4.0))
        near_share.append(
            np.linalg.norm(result.points.mean(axis=0) - 0.5 * (result.points.min(0) + result.points.max(0)))
        )
    even = scan(sphere(), 0, 1000, only())
    assert np.linalg.norm(even.points.mean(axis=0) - 0.5 * (even.points.min(0) + even.points.max(0))) < 0.06
    assert min(near_share) > 0.2


def test_a_crop_cuts_but_keeps_half():
    shape = generate_shape("table", 4, 3000)
    kept = []
    for seed in range(20):
        result = scan(shape, seed, 500, only(crop=0.5))
        assert result.points.shape == (500, 3)
        # Repeats appear only if fewer than 500 of 3000 points were kept, which half of them can never be.
        assert len(np.unique(result.points, axis=0)) == 500
        kept.append(np.ptp(result.points, axis=0))
    assert np.std(kept, axis=0).max() > 0.05


def test_rotation_is_about_z_and_tilt_leans():
    shape = generate_shape("rocket", 0, 300)
    turned = scan(shape, 3, options=only(rotation=math.pi))
    assert np.sort(turned.points[:, 2]) == pytest.approx(np.sort(shape.points[:, 2]), abs=1e-5)
    assert np.abs(np.sort(turned.points[:, 0]) - np.sort(shape.points[:, 0])).max() > 0.01
    leaning = scan(shape, 3, options=only(tilt=0.3))
    assert np.abs(np.sort(leaning.points[:, 2]) - np.sort(shape.points[:, 2])).max() > 0.005


def test_points_repeat_only_when_too_few_survive():
    shape = generate_shape("bowl", 0, 100)
    result = scan(shape, 0, 400, only())
    assert result.points.shape == (400, 3)
    assert len(np.unique(result.points, axis=0)) == 100
    assert scan(shape, 0).points.shape == (100, 3)


def test_scans_are_harder_than_clean_shapes():
    def descriptors(make, seeds):
        pairs = np.random.default_rng(0).integers(0, 512, (2, 2000))
        clouds = [[make(name, seed, 512).points for seed in seeds] for name in CATEGORIES]
        gaps = [[np.linalg.norm(p[pairs[0]] - p[pairs[1]], axis=1) for p in row] for row in clouds]
        return np.array([[np.histogram(g, bins=40, range=(0.0, 2.0))[0] for g in row] for row in gaps])

    def accuracy(make):
        train, test = descriptors(make, range(6)), descriptors(make, range(50, 53))
        nearest = ((test[:, :, None] - train.reshape(-1, 40)) ** 2).sum(axis=-1).argmin(axis=-1)
        return float((nearest // 6 == np.arange(len(CATEGORIES))[:, None]).mean())

    clean, scanned = accuracy(generate_shape), accuracy(scan)
    assert 3 / len(CATEGORIES) < scanned < clean - 0.1


@pytest.mark.parametrize(
    ("setting", "value"), [("noise", -0.1), ("noise", 1.0), ("views", 9), ("views", 1.5), ("crop", 0.6), ("tilt", "a")]
)
def test_options_out_of_range_are_named(setting, value):
    with pytest.raises(ConfigError, match=rf"scan option {setting} is {value!r}, but it must be "):
        ScanOptions(**{setting: value})


def test_bad_input_is_named():
    with pytest.raises(ConfigError, match="seed is -1, but it must be an integer of at least 0"):
        scan("chair", -1)
    with pytest.raises(ConfigError, match="num_points is 0, but it must be an integer of at least 1"):
        scan("chair", 0, 0)
    with pytest.raises(ConfigError, match="did you mean chair"):
        scan("chairs", 0)
    empty = ProceduralShape(np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64), 0)
    with pytest.raises(ShapeError, match="at least 1 finite point"):
        scan(empty, 0)
