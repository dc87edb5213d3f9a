"""Reading point clouds and meshes from files, and writing PLY: one function in, one function out, one kind of error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.data.files.features import FeatureChoice
    from pointlora.data.files.labels import LabelChoice
    from pointlora.data.files.ply_writer import write_ply
    from pointlora.data.files.point_cloud import PointCloud
    from pointlora.data.files.read import (
        SUPPORTED_SUFFIXES,
        features_of_file,
        file_kind,
        is_supported,
        read_point_cloud,
    )

__all__ = [
    "SUPPORTED_SUFFIXES",
    "FeatureChoice",
    "LabelChoice",
    "PointCloud",
    "features_of_file",
    "file_kind",
    "is_supported",
    "read_point_cloud",
    "write_ply",
]

__getattr__ = lazy_names(
    __name__,
    {
        "FeatureChoice": "features",
        "LabelChoice": "labels",
        "PointCloud": "point_cloud",
        "SUPPORTED_SUFFIXES": "read",
        "features_of_file": "read",
        "file_kind": "read",
        "is_supported": "read",
        "read_point_cloud": "read",
        "write_ply": "ply_writer",
    },
)
