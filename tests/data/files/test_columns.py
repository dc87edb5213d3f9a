"""What the columns of a table mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import LabelChoice, PointCloud
from pointlora.data.files.columns import content_from_table
from pointlora.data.files.point_cloud import cloud_from_content
from pointlora.errors import DataError

PATH = Path("table.txt")


def cloud_from_columns(path: Path, columns: np.ndarray, choice: LabelChoice | None = None) -> PointCloud:
    return cloud_from_content(path, content_from_table(path, columns), choice)


def table(*parts: np.ndarray) -> np.ndarray:
    return np.column_stack(parts).astype(np.float64)


def test_three_columns() -> None:
    assert cloud_from_columns(PATH, table(samples.POINTS)).attributes == {}


def test_six_columns_are_normals() -> None:
    columns = table(samples.POINTS, samples.NORMALS)
    cloud = cloud_from_columns(PATH, columns)
    assert set(cloud.attributes) == {"normals", "columns"}
    np.testing.assert_array_equal(cloud.attributes["normals"], samples.NORMALS)
    assert cloud.attributes["normals"].dtype == np.float32
    np.testing.assert_array_equal(cloud.attributes["columns"], columns)


def test_six_columns_of_bytes_are_colors() -> None:
    cloud = cloud_from_columns(PATH, table(samples.POINTS, samples.COLORS))
    assert set(cloud.attributes) == {"colors", "columns"}
    np.testing.assert_array_equal(cloud.attributes["colors"], samples.COLORS)
    assert cloud.attributes["colors"].dtype == np.uint8


def test_seven_columns_are_normals_and_a_label_by_the_layout_alone() -> None:
    columns = table(samples.POINTS, samples.NORMALS, samples.LABELS)
    assert set(cloud_from_columns(PATH, columns).attributes) == {"normals", "columns"}
    cloud = cloud_from_columns(PATH, columns, LabelChoice(layout=True))
    assert cloud.label_source == "column_7"
    assert cloud.attributes["labels"].dtype == np.int64
    np.testing.assert_array_equal(cloud.attributes["labels"], samples.LABELS)
    np.testing.assert_array_equal(cloud.attributes["normals"], samples.NORMALS)


def test_four_columns_are_a_label_by_the_layout_only_if_whole() -> None:
    assert set(cloud_from_columns(PATH, table(samples.POINTS, samples.LABELS)).attributes) == {"columns"}
    layout = LabelChoice(layout=True)
    whole = cloud_from_columns(PATH, table(samples.POINTS, samples.LABELS), layout)
    np.testing.assert_array_equal(whole.attributes["labels"], samples.LABELS)
    assert whole.label_source == "column_4"
    broken = cloud_from_columns(PATH, table(samples.POINTS, samples.LABELS + 0.25), layout)
    assert set(broken.attributes) == {"columns"}
    assert broken.label_source is None


def test_fewer_than_three_columns() -> None:
    with pytest.raises(DataError, match="at least three columns"):
        cloud_from_columns(PATH, np.zeros((5, 2)))
