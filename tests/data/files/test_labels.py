"""Labels are taken by name, by choice or by a data set's layout, and never by place alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import LabelChoice, read_point_cloud, write_ply
from pointlora.errors import DataError


@pytest.mark.parametrize(
    "name", ["label", "labels", "Label", "scalar_Label", "scalar_Classification", "Classification", "classification"]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64])
def test_names_that_say_so(tmp_path: Path, name: str, dtype: type) -> None:
    values = samples.LABELS.astype(dtype)
    write_ply(tmp_path / "a.ply", samples.POINTS, attributes={"other": values, name: values})
    records = np.rec.fromarrays([*samples.POINTS.T, values], names=f"x,y,z,{name}")
    np.save(tmp_path / "a.npy", np.asarray(records))
    table = np.column_stack([samples.POINTS, samples.LABELS])
    samples.write(tmp_path, "a.txt", f"x y z {name}\n{samples.rows(table)}".encode())
    for file in ("a.ply", "a.npy", "a.txt"):
        cloud = read_point_cloud(tmp_path / file)
        # The writer calls what is called labels label.
        assert cloud.label_source in (name, "label")
        assert cloud.labels is not None
        assert cloud.labels.dtype == np.int64
        np.testing.assert_array_equal(cloud.labels, samples.LABELS)
        assert cloud.label_values is not None
        assert cloud.label_values.tolist() == [0, 2, 3, 7]


def test_floats_that_are_not_whole_are_no_label(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", samples.POINTS, attributes={"label": samples.LABELS + 0.5})
    cloud = read_point_cloud(tmp_path / "a.ply")
    assert (cloud.labels, cloud.label_source, cloud.label_values) == (None, None, None)
    np.testing.assert_array_equal(cloud.attributes["label"], samples.LABELS + 0.5)


@pytest.mark.parametrize(
    ("sample", "name", "values"),
    [
        ("scan.las", "intensity", [0, 100, 200, 300, 400]),
        ("layered.laz", "INTENSITY", [0, 100, 200, 300, 400]),
        ("scan.las", None, samples.LABELS),
        ("named.csv", "column_1", [0, 1, 2, 3, 4]),
        ("named.csv", "red", samples.COLORS[:, 0]),
        ("points.npz", "label", samples.LABELS),
        ("compressed.pcd", "label", samples.LABELS),
        ("scan.ptx", "r", samples.COLORS[:, 0]),
        ("scan.e57", "intensity", [0, 1, 2, 3, 4]),
        ("packed.ply.gz", "blue", samples.COLORS[:, 2]),
    ],
)
def test_any_column_by_name(tmp_path: Path, sample: str, name: str | None, values: np.ndarray) -> None:
    cloud = read_point_cloud(samples.write_sample(tmp_path, sample), labels=LabelChoice(name=name))
    np.testing.assert_array_equal(cloud.attributes["labels"], values)


def test_a_column_by_number(tmp_path: Path) -> None:
    table = np.column_stack([samples.POINTS, np.arange(5) / 2, samples.LABELS])
    path = samples.write(tmp_path, "a.xyz", samples.rows(table).encode())
    np.save(tmp_path / "a.npy", table)
    for file in (path, tmp_path / "a.npy"):
        assert read_point_cloud(file).labels is None
        cloud = read_point_cloud(file, labels=LabelChoice(column=5))
        np.testing.assert_array_equal(cloud.labels, samples.LABELS)
        assert cloud.label_source == "column_5"
    colors = np.column_stack([samples.POINTS, samples.COLORS, samples.LABELS])
    samples.write(tmp_path, "b.xyz", samples.rows(colors).encode())
    cloud = read_point_cloud(tmp_path / "b.xyz", labels=LabelChoice(column=7))
    np.testing.assert_array_equal(cloud.attributes["colors"], samples.COLORS)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (LabelChoice(column=6), "label_column is 6, but its table has 5 columns"),
        (LabelChoice(column=3), "label_column is 3, but that column is z"),
        (LabelChoice(column=4), "'column_4' isn't a label: row 1 has 0.5"),
        (LabelChoice(name="part"), "has no column 'part' beside x, y, z; label_name can be one of: column_4, column_5"),
    ],
)
def test_choices_that_cannot_be(tmp_path: Path, choice: LabelChoice, words: str) -> None:
    table = np.column_stack([samples.POINTS, np.arange(5) / 2, samples.LABELS])
    path = samples.write(tmp_path, "a.xyz", samples.rows(table).encode())
    with pytest.raises(DataError, match=words):
        read_point_cloud(path, labels=choice)


def test_arguments_that_contradict() -> None:
    with pytest.raises(DataError, match="give one of them"):
        LabelChoice(name="a", column=4)
    with pytest.raises(DataError, match="counted from 1"):
        LabelChoice(column=0)


def test_numbers_are_for_tables(tmp_path: Path) -> None:
    path = samples.write_sample(tmp_path, "little.ply")
    with pytest.raises(DataError, match="the file isn't a table; label_name can be one of: nx, ny"):
        read_point_cloud(path, labels=LabelChoice(column=4))


def test_labels_of_dropped_rows_are_dropped_with_them(tmp_path: Path) -> None:
    points = samples.POINTS.copy()
    points[2] = np.nan
    write = np.rec.fromarrays([*points.T, samples.LABELS], names="x,y,z,label")
    np.save(tmp_path / "a.npy", np.asarray(write))
    cloud = read_point_cloud(tmp_path / "a.npy")
    assert cloud.labels is not None
    assert cloud.labels.tolist() == [3, 0, 2, 7]
    assert cloud.spread(cloud.labels, -1).tolist() == [3, 0, -1, 2, 7]
