"""What prediction takes from an adapter's description: the place of its base, its classes, its preprocessing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_choice
from pointlora.data.ranges import AXES
from pointlora.errors import AdapterError, ConfigError

if TYPE_CHECKING:
    from pointlora.data.files import FeatureChoice
    from pointlora.data.transforms import PointTransform


def adapter_folder(path: str | os.PathLike[str]) -> Path:
    """The adapter's own folder where `path` is that of a run that has one."""
    inside = Path(path) / "adapter"
    return inside if inside.is_dir() else Path(path)


def axis_shift(up_axis: str | None, trained: str) -> int:
    """By how many columns coordinates are rolled to bring the files' up axis to that of training: a rotation.

    Raises:
        ConfigError: for an unknown axis.
    """
    if up_axis is None:
        return 0
    check_choice("up_axis", up_axis, AXES)
    return AXES.index(trained) - AXES.index(up_axis)


def read_transform(folder: str | os.PathLike[str], config: dict[str, Any]) -> PointTransform:
    """The preparation of clouds that the adapter was trained with, without augmentation.

    Raises:
        AdapterError: if it makes no sense.
    """
    from pointlora.adapters.loading import adapter_features
    from pointlora.data.transforms import PointTransform, TransformConfig

    settings = config.get("preprocessing") or {}
    try:
        features = adapter_features(folder, config)
        kept = {key: settings[key] for key in ("num_points", "normalize", "up_axis") if key in settings}
        return PointTransform(TransformConfig(**{"num_points": 1024, **kept}, features=features), train=False)
    except (TypeError, ConfigError) as error:
        raise AdapterError(f"{folder} has a wrong preprocessing: {str(error)[:200]}") from error


def turned(points: NDArray[np.float32], shift: int, normals: Sequence[int]) -> NDArray[np.float32]:
    """Points (N, 3 + F) with their coordinates rolled by `shift`, and their normals, which begin at these features."""
    if not shift:
        return points
    points = points.copy()
    for first in (0, *(3 + normal for normal in normals)):
        points[:, first : first + 3] = np.roll(points[:, first : first + 3], shift, axis=1)
    return points


def read_features(transform: PointTransform, missing: str) -> FeatureChoice | None:
    """What is read of files beside x, y, z; None where that is nothing.

    Args:
        transform: of the adapter.
        missing: `error`, or `zero` for what says nothing in the place of a feature that a file lacks.
    """
    from pointlora.data.files import FeatureChoice

    check_choice("missing features", missing, ("error", "zero"))
    features = transform.config.features
    if features is None:
        return None
    return FeatureChoice(features.names, features.centers if missing == "zero" else None)
