"""Transforms: exact geometry, ranges, and randomness that depends on (seed, epoch, index) alone."""

from __future__ import annotations

import numpy as np
import pytest

from dataset_layouts import clouds, one_line
from pointlora.data.augmentations import AUGMENTATIONS
from pointlora.data.transforms import PointTransform, TransformConfig, normalize_unit_sphere
from pointlora.errors import ConfigError


def augmented(points: np.ndarray, name: str, seed: int = 0, **options: float | str) -> np.ndarray:
    """Only this augmentation, on clouds that are otherwise merely permuted; brought back to the order given."""
    config = TransformConfig(len(points[0]), normalize=False, augmentations=(name,), **options)  # type: ignore[arg-type]
    keys = [(0, index) for index in range(len(points))]
    permuted = PointTransform(TransformConfig(len(points[0]), normalize=False, augmentations=()), seed=seed)(
        points, keys
    )
    result = PointTransform(config, seed=seed)(points, keys)
    back = np.empty_like(result)
    for number, (cloud, shuffled) in enumerate(zip(points, permuted, strict=True)):
        places = {tuple(row): place for place, row in enumerate(cloud.tolist())}
        back[number, [places[tuple(row)] for row in shuffled.tolist()]] = result[number]
    return back


def test_normalize_unit_sphere() -> None:
    cloud = np.array([[10.0, 0, 0], [14, 0, 0], [12, 3, 0], [12, -3, 0]])
    expected = np.array([[-2, 0, 0], [2, 0, 0], [0, 3, 0], [0, -3, 0]]) / 3
    np.testing.assert_allclose(normalize_unit_sphere(cloud), expected, atol=1e-7)
    many = clouds(3, 50) * 7 + 100
    for number, normal in enumerate(normalize_unit_sphere(many)):
        assert abs(np.linalg.norm(normal, axis=1).max() - 1) < 1e-6
        assert np.abs(normal.mean(axis=0)).max() < 1e-6
        np.testing.assert_array_equal(normal, normalize_unit_sphere(many[number]))


def test_normalize_keeps_precision_far_from_the_origin_and_coinciding_points() -> None:
    # A metre-sized object at map coordinates; exact in float64 only.
    cloud = np.array([[500000.0, 5e6, 100], [500001, 5e6, 100]])
    np.testing.assert_array_equal(normalize_unit_sphere(cloud), [[-1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(normalize_unit_sphere(np.full((4, 3), 3.5)), np.zeros((4, 3)))


@pytest.mark.parametrize("name", ["scale_translate", "scale", "translate", "uniform_scale"])
def test_scales_and_shifts_are_affine_within_their_ranges(name: str) -> None:
    points = clouds(300, 6)
    result = augmented(points, name).astype(np.float64)
    # Least squares of result = scale * points + shift, for each cloud and axis alone.
    mean, middle = points.mean(axis=1, keepdims=True, dtype=float), result.mean(axis=1, keepdims=True)
    scales = ((points - mean) * (result - middle)).sum(axis=1) / ((points - mean) ** 2).sum(axis=1)
    shifts = (middle - scales[:, None] * mean)[:, 0]
    np.testing.assert_allclose(result, scales[:, None] * points + shifts[:, None], atol=1e-5)
    if name == "translate":
        np.testing.assert_allclose(scales, 1, atol=1e-5)
    else:
        assert scales.min() >= 2 / 3 - 1e-5
        assert scales.max() <= 1.5 + 1e-5
        # Uniform: mean 13/12, standard deviation (5/6)/sqrt(12) = 0.2406; 300 independent clouds.
        assert abs(scales.mean() - 13 / 12) < 0.05
        assert abs(scales.std() - 0.2406) < 0.02
    if "translate" in name:
        assert np.abs(shifts).max() <= 0.2 + 1e-5
        assert abs(shifts.std() - 0.4 / np.sqrt(12)) < 0.01
    else:
        np.testing.assert_allclose(shifts, 0, atol=1e-5)
    axes_differ = np.ptp(scales, axis=1).max() > 0.1
    assert axes_differ == (name in ("scale", "scale_translate"))


@pytest.mark.parametrize(("axis", "number"), [("x", 0), ("y", 1), ("z", 2)])
def test_rotation_about_the_up_axis(axis: str, number: int) -> None:
    basis = np.tile(np.eye(3, dtype=np.float32), (400, 1, 1))
    turned = augmented(basis, "rotate_up", up_axis=axis)
    np.testing.assert_allclose(turned @ turned.transpose(0, 2, 1), basis, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(turned), 1, atol=1e-6)
    np.testing.assert_array_equal(turned[:, number], basis[:, number])
    angles = np.arctan2(turned[:, (number + 1) % 3, (number + 2) % 3], turned[:, (number + 1) % 3, (number + 1) % 3])
    assert np.histogram(angles, bins=4, range=(-np.pi, np.pi))[0].min() > 70  # 100 +- 8.7 each


def test_any_rotation() -> None:
    basis = np.tile(np.eye(3, dtype=np.float32), (600, 1, 1))
    turned = augmented(basis, "rotate")
    np.testing.assert_allclose(turned @ turned.transpose(0, 2, 1), basis, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(turned), 1, atol=1e-6)
    # Uniform over SO(3): every image is uniform on the sphere (mean 0, second moment 1/3), and E[trace^2] is 1.
    assert np.abs(turned.mean(axis=0)).max() < 0.12
    assert np.abs((turned**2).mean(axis=0) - 1 / 3).max() < 0.06
    traces = np.trace(turned, axis1=1, axis2=2)
    assert abs((traces**2).mean() - 1) < 0.2


def test_jitter_is_clipped_noise() -> None:
    points = clouds(20, 200)
    noise = augmented(points, "jitter", jitter_sigma=0.02, jitter_clip=0.05) - points
    assert np.abs(noise).max() <= 0.05 + 1e-6
    assert abs(noise.mean()) < 1e-3
    # A normal clipped at 2.5 sigma has 0.9887 of its standard deviation.
    assert abs(noise.std() - 0.02 * 0.9887) < 3e-4
    assert 0.008 < (np.abs(noise) > 0.0499).mean() < 0.017  # both tails beyond 2.5 sigma hold 1.24 %


def test_dropout_repeats_the_first_point() -> None:
    points = clouds(200, 100)
    keys = [(0, index) for index in range(200)]
    config = TransformConfig(100, normalize=False, augmentations=("dropout",), dropout_ratio=0.8)
    result = PointTransform(config)(points, keys)
    shares = []
    for cloud, kept in zip(points, result, strict=True):
        assert {tuple(row) for row in kept.tolist()} <= {tuple(row) for row in cloud.tolist()}
        is_first = (kept == kept[0]).all(axis=1)
        shares.append((is_first.sum() - 1) / 100)
        assert len({tuple(row) for row in kept.tolist()}) == 101 - is_first.sum()
    # The ratio is uniform in [0, 0.8]: mean 0.4 (0.396 of all 100, as the first stays), standard deviation 0.235.
    assert max(shares) <= 0.9
    assert abs(np.mean(shares) - 0.396) < 0.06


@pytest.mark.parametrize("name", [*AUGMENTATIONS, "all", "none"])
def test_a_sample_is_the_same_in_any_batch(name: str) -> None:
    names = {"all": tuple(AUGMENTATIONS), "none": ()}.get(name, (name,))
    transform = PointTransform(TransformConfig(48, augmentations=names), seed=4)
    given = [clouds(1, size, seed=size)[0] for size in (30, 100, 48, 57, 100)]
    keys = [(3, index) for index in (8, 1, 900, 0, 2)]
    together = transform(given, keys)
    assert together.dtype == np.float32
    assert together.shape == (5, 48, 3)
    backwards = transform(given[::-1], keys[::-1])[::-1]
    np.testing.assert_array_equal(together, backwards)
    for number in range(5):
        np.testing.assert_array_equal(together[number], transform([given[number]], [keys[number]])[0])


def test_arrays_and_lists_give_the_same() -> None:
    given = clouds(4, 60)
    keys = [(0, index) for index in range(4)]
    transform = PointTransform(TransformConfig(48, augmentations=tuple(AUGMENTATIONS)))
    np.testing.assert_array_equal(transform(given, keys), transform(list(given), keys))


def test_draws_change_with_seed_epoch_and_index() -> None:
    cloud = clouds(1, 60)[0]
    config = TransformConfig(48)
    results = [
        PointTransform(config, seed=seed)([cloud], [(epoch, index)]).tobytes()
        for seed, epoch, index in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0))
    ]
    assert len(set(results)) == 4
    assert results[0] == results[4]


def test_one_augmentation_more_leaves_the_draws_of_the_others() -> None:
    given, keys = clouds(3, 60), [(0, index) for index in range(3)]
    plain = PointTransform(TransformConfig(48, augmentations=("scale",)))(given, keys)
    jittered = PointTransform(TransformConfig(48, augmentations=("scale", "jitter")))(given, keys)
    assert 0 < np.abs(jittered - plain).max() <= 0.05 + 1e-6


def test_evaluation_has_no_randomness() -> None:
    given = clouds(2, 60)
    config = TransformConfig(48, augmentations=tuple(AUGMENTATIONS))
    first = PointTransform(config, train=False, seed=0)(given, [(0, 0), (0, 1)])
    second = PointTransform(config, train=False, seed=1)(given, [(5, 7), (5, 8)])
    np.testing.assert_array_equal(first, second)
    assert {tuple(row) for row in first[0].tolist()} <= {tuple(row) for row in normalize_unit_sphere(given[0]).tolist()}


def test_config_accepts_yaml_lists_and_names_mistakes() -> None:
    assert TransformConfig(augmentations=["scale"]).augmentations == ("scale",)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as error:
        TransformConfig(augmentations=("scale_translat",))
    one_line(error.value, "unknown augmentation 'scale_translat': did you mean 'scale_translate'?", "jitter")
    with pytest.raises(ConfigError, match="list of names"):
        TransformConfig(augmentations="scale")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="unknown up_axis 'up'"):
        TransformConfig(up_axis="up")


@pytest.mark.parametrize(
    "options",
    [
        {"num_points": 0},
        {"oversample": 0.5},
        {"scale_low": 0.0},
        {"scale_low": 2.0},
        {"scale_high": float("inf")},
        {"shift": -0.1},
        {"shift": float("nan")},
        {"jitter_sigma": -1.0},
        {"jitter_clip": -1.0},
        {"dropout_ratio": 1.0},
    ],
)
def test_numbers_out_of_range(options: dict) -> None:
    (name, value), *_ = options.items()
    with pytest.raises(ConfigError, match=f"{name} is {value}, but it must be "):
        TransformConfig(**options)
