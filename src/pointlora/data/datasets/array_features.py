"""Features in data sets of arrays: `colors` (n, N, 3), `normal` (n, N, 3), `intensity` (n, N) and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets.files import telling_features
from pointlora.data.feature_names import COLORS, NORMALS
from pointlora.data.files.features import missing_feature
from pointlora.errors import DataError

_ROLES = {COLORS: ("colors", "color", "rgb"), NORMALS: ("normals", "normal")}


def array_features(arrays: Mapping[str, Any], shape: tuple[int, ...], names: Sequence[str], source: str) -> NDArray:
    """Features (*shape, F) float32, colours from 0 to 255.

    Args:
        arrays: by name; those of another shape than (*shape,) or (*shape, 3) are passed over.
        shape: of the points, without the last axis.
        names: as `channel_names` gives them.
        source: of the arrays, for messages.

    Raises:
        DataError: naming a feature that isn't there, with the nearest name that is; NaN or infinity.
    """
    found = [_find(arrays, shape, name) for name in names]
    for name, values in zip(names, found, strict=True):
        if values is None:
            raise missing_feature(source, name, known_features(arrays, shape))
        if not np.isfinite(values).all():
            raise DataError(f"{source}: feature {name!r} holds NaN or infinity; leave out such points")
    return np.stack([np.asarray(values, dtype=np.float32) for values in found if values is not None], axis=-1)


def known_features(arrays: Mapping[str, Any], shape: tuple[int, ...]) -> list[str]:
    """Names of the features that arrays hold."""
    known = [name for name in (*COLORS, *NORMALS) if _find(arrays, shape, name) is not None]
    return known + [name for name, values in arrays.items() if values.shape == shape and values.dtype.kind in "biuf"]


def automatic_array_features(arrays: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[str, ...]:
    """What `data.features: auto` takes of arrays."""
    found = {}
    for name in dict.fromkeys([*known_features(arrays, shape), *(name.lower() for name in arrays)]):
        values = _find(arrays, shape, name)
        if values is not None:
            found[name] = float(np.min(values)), float(np.max(values))
    return telling_features(found)


def _find(arrays: Mapping[str, Any], shape: tuple[int, ...], name: str) -> NDArray | None:
    for names, roles in _ROLES.items():
        for array in (values for role, values in arrays.items() if name in names and role.lower() in roles):
            if array.shape == (*shape, 3) and array.dtype.kind in "uif":
                values = np.asarray(array[..., names.index(name)])
                return _as_bytes(values, array) if names is COLORS else values
    spelt = [own for own in arrays if own.lower() == name.lower() and arrays[own].shape == shape]
    same = [own for own in spelt if own == name] or spelt
    return np.asarray(arrays[same[0]]) if len(same) == 1 and arrays[same[0]].dtype.kind in "biuf" else None


def _as_bytes(values: NDArray, whole: Any) -> NDArray:
    """A colour from 0 to 255; floats from 0 to 1 are as many times as much."""
    if whole.dtype.kind == "f" and np.max(np.asarray(whole)) <= 1:
        return values * 255.0
    return values
