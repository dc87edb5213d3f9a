"""Tables: what programs write before, between and around numbers, and names that decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import PointCloud, read_point_cloud
from pointlora.errors import DataError

WANTED = [[1, 2, 3], [4, 5, 6]]


def read(folder: Path, content: str | bytes, name: str = "a.csv") -> PointCloud:
    return read_point_cloud(samples.write(folder, name, content if isinstance(content, bytes) else content.encode()))


@pytest.mark.parametrize("name", ["a.csv", "a.asc", "a.txt", "a.xyz", "A.PTS"])
@pytest.mark.parametrize(
    "content",
    [
        "id,x,y,z\n0,1,2,3\n1,4,5,6\n",
        ",x,y,z\n0,1,2,3\n1,4,5,6\n",
        '"","x","y","z"\n"1",1,2,3\n"2",4,5,6\n',
        "Time X Y Z\n0.5 1 2 3\n0.75 4 5 6\n",
        "z,y,x\n3,2,1\n6,5,4\n",
        "Z Y I X\n3 2 0 1\n6 5 0 4\n",
        "//X Y Z\n1 2 3\n4 5 6\n",
        "// Z Y X\n3 2 1\n6 5 4\n",
        "# x y z intensity\n1 2 3 9\n4 5 6 9\n",
        "#id x y z\n7 1 2 3\n8 4 5 6\n",
        "X[m],Y[m],Z[m]\n1,2,3\n4,5,6\n",
        "X [m]\tY [m]\tZ [m]\n1\t2\t3\n4\t5\t6\n",
        "Z (m);Y (m);X (m)\n3;2;1\n6;5;4\n",
        "'X' 'Y' 'Z'\n1 2 3\n4 5 6\n",
        "exported by scanner\nNumber of points: 2\nx y z\n1 2 3\n4 5 6\n",
        "2\nx y z\n1 2 3\n4 5 6\n",
        "x,y,z\n2\n1,2,3\n4,5,6\n",
        "1;2;3\n4;5;6\n",
        "1|2|3\n4|5|6\n",
        "id | z | y | x\n0 | 3,0 | 2,0 | 1,0\n1 | 6,0 | 5,0 | 4,0\n",
        "1,0;2,0;3,0\n4,0;5,0;6,0\n",
        "1,0\t2,0\t3,0\n4,0\t5,0\t6,0\n",
        "1,0e0;2;3\n4;5;6\n",
        "x;y;z\n1;2,0;3\n4;5;6,00\n",
        "1.0\t2.0\t3.0\n4.0\t5.0\t6.0\n",
        "1\t\t2 \t3\n4 5\t6\n",
        "1,2,3,\n4,5,6,\n",
        "x,y,z,\n1,2,3,\n4,5,6,\n",
        "name,x,y,z\nwall,1,2,3\nroof,4,5,6\n",
        "x,y,z,name\n1,2,3,wall\n4,5,6,roof\n",
        '"1.0","2.0","3.0"\n"4.0","5.0","6.0"\n',
        "1 2 3\n# between\n4 5 6 // behind\n",
        "x y z\r\n1 2 3\r\n4 5 6\r\n",
        "1 2 3\r4 5 6\r",
        "\ufeffx,y,z\n1,2,3\n4,5,6\n",
        "   x   y   z\n   1   2   3\n   4   5   6\n\n\n",
        "1,2,3\n \n4,5,6\n",
        '"x" "y" "z"\n"1" 1 2 3\n"2" 4 5 6\n',
        '"x","y","z"\n"a",1,2,3\n"b",4,5,6\n',
        "x\ty\tz\tname\n1\t2\t3\twall a\n4\t5\t6\troof b\n",
        "% x y z\n1 2 3\n4 5 6\n",
        "x,y,z\nm,m,m\n1,2,3\n4,5,6\n",
        "sep=;\nx;y;z\n1;2;3\n4;5;6\n",
        '"x";"y";"z"\n"1,0";"2,0";"3,0"\n"4,0";"5,0";"6,0"\n',
        "time,x,y,z\n2020-01-01 10:00,1,2,3\n2020-01-01 10:01,4,5,6\n",
        "Scan 5 of 7, taken 2020-01-01\n\nX Y Z\n1 2 3\n4 5 6\n",
        b"# H\xf6he\n1 2 3\n4 5 6\n",
        b"x,y,z,H\xf6he\n1,2,3,9\n4,5,6,9\n",
        "x,y,z\n1,2,3\n4,5,6\n".encode("utf-16"),
    ],
)
def test_the_same_points_however_they_are_written(tmp_path: Path, name: str, content: str | bytes) -> None:
    np.testing.assert_array_equal(read(tmp_path, content, name).points, WANTED)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n", "columns are named a b c; name three of them x, y and z"),
        ("x,y,height\n1,2,3\n", "columns are named x y height"),
        ("id;lat;lon;h\n1;2;3;4\n", "columns are named id lat lon h"),
        ("x,y,z\n0,1,2,3\n1,4,5,6\n", "named x y z, its rows have 4 columns"),
        ("x,y,z,i\n1,2,3\n4,5,6\n", "named x y z i, its rows have 3 columns"),
        ("x,x,y,z\n1,2,3,4\n", "columns are named x x y z"),
        ("ncols 3\nnrows 2\ncellsize 1\n1 2 3\n4 5 6\n", "a grid of heights"),
        ("only\nwords\n", "no points"),
        ("1,5 2,5 3,5\n4,5 5,5 6,5\n", "line 1 has '5 2' where a number should be; write decimal commas between semi"),
        ("C 1 2 3\nO 4 5 6\n", "line 1 has 'C' where a number should be"),
        ("x,y,z\n1,2,3\n4,,6\n", "line 3 has '' where"),
        ("x,y,z\n1,2,3\n4,5\n", "line 3 has 2 columns, not 3"),
        ("1;2;3\n4;5;six\n", "line 2 has 'six' where"),
        ("x,y,z\nn/a,1,2\n1,2,3\n4,5,6\n", "line 2 has 'n/a' where a number should be"),
        ("x,y,z\nm,m,m\n1,two,3\n4,5,6\n", "line 3 has 'two' where a number should be"),
        ("x,y,z,i\nn/a,n/a,n/a,1\n1,2,3,4\n", "line 2 has 'n/a' where a number should be"),
        ("x,y,z,i\n1,,3,4\n1,2,3,4\n", "line 2 has '' where a number should be"),
        ("id x y z\n1 - 2 3\n2 4 5 6\n", "line 2 has '-' where a number should be"),
        ("x;y;z\n1.234,5;2,5;3,5\n4;5;6\n", r"line 2 has '1\.234,5' where a number"),
        ("n;z;y;x\na;1;2;1.108,5\na;1;2;3\n", r"line 2 has '1\.108,5' where a number"),
        ("3\n1,5;2;3\n4;5;6\n", "declares 3 points, 2 lines follow"),
        ("x,y,z\n1,2,3\n4,5,", "ends inside a line"),
        ("1,2,3\n4,5,6\n" + "7" * 3_000_000, "longer than 1048576 bytes"),
        ("words\n" * 200, "where a number should be"),
        (b"1 2 3\n\xff 5 6\n", "is not text"),
        (b"1 2 3\n4 \x00 6\n", "is not text"),
    ],
)
def test_errors_show_what_is_wrong(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "line",
    [
        "# Format: X Y Z",
        "# Format: X, Y, Z",
        "Format: X Y Z",
        "# coordinates x y z",
        "# Columns: X Y Z",
        "// units X Y Z",
        "# Point X Y Z",
        "% the columns are x y z",
        "# x y z = metres",
        "# x y z in metres",
        "# 1:x 2:y 3:z",
    ],
)
@pytest.mark.parametrize("further", [1, 2, 3])
def test_words_around_names_are_no_names(tmp_path: Path, line: str, further: int) -> None:
    table = np.column_stack([np.array(WANTED) + 0.25, np.full((2, further), 9.5)])
    cloud = read(tmp_path, f"{line}\n" + samples.rows(table), "a.txt")
    np.testing.assert_array_equal(cloud.points, table[:, :3])
    assert list(cloud.columns) == [f"column_{place}" for place in range(4, 4 + further)]


@pytest.mark.parametrize("line", ["# 1:id 2:z 3:y 4:x", "# 0=id, 1=z, 2=y, 3=x", "# (1) id (2) z (3) y (4) x"])
def test_numbered_names(tmp_path: Path, line: str) -> None:
    cloud = read(tmp_path, f"{line}\n7 3 2 1\n8 6 5 4\n", "a.txt")
    np.testing.assert_array_equal(cloud.points, WANTED)
    np.testing.assert_array_equal(cloud.columns["id"], [7, 8])
    cloud = read(tmp_path, "# 2:z 3:y 4:x\n7 3 2 1\n8 6 5 4\n", "a.txt")
    np.testing.assert_array_equal(cloud.points, WANTED)
    np.testing.assert_array_equal(cloud.columns["column_1"], [7, 8])


@pytest.mark.parametrize("name", ["id", "time", "Point", "label", "intensity"])
def test_a_name_in_front_is_a_column(tmp_path: Path, name: str) -> None:
    cloud = read(tmp_path, f"# {name} x y z\n7 1 2 3\n8 4 5 6\n", "a.txt")
    np.testing.assert_array_equal(cloud.points, WANTED)
    assert list(cloud.columns) == [name]


def test_named_columns_have_their_roles(tmp_path: Path) -> None:
    head = "Nz,Ny,Nx,B,G,R,Z,Y,X,Classification,Intensity\n"
    row = "1,0,0,30,20,10,3,2,1,5,0.25\n"
    cloud = read(tmp_path, head + row)
    np.testing.assert_array_equal(cloud.points, [[1, 2, 3]])
    np.testing.assert_array_equal(cloud.attributes["normals"], [[0, 0, 1]])
    np.testing.assert_array_equal(cloud.attributes["colors"], [[10, 20, 30]])
    np.testing.assert_array_equal(cloud.attributes["labels"], [5])
    np.testing.assert_array_equal(cloud.columns["Intensity"], [0.25])
    assert list(cloud.columns) == ["Nz", "Ny", "Nx", "B", "G", "R", "Classification", "Intensity"]


def test_rows_without_coordinates_and_empty_cells(tmp_path: Path) -> None:
    cloud = read(tmp_path, "x,y,z,i\n1,2,3,\n,,,7\n4,5,6,8\nnan,nan,nan,9\n")
    np.testing.assert_array_equal(cloud.points, WANTED)
    np.testing.assert_array_equal(cloud.columns["i"], [np.nan, 8])
    assert cloud.kept_rows is not None
    assert (cloud.kept_rows.tolist(), cloud.num_dropped, cloud.file_rows) == ([0, 2], 2, 4)


@pytest.mark.parametrize(
    "content",
    ["name,x,y,z\nA,,,\nB,1,2,3\nC,4,5,6\n", "x;y;z\n;;\n1;2;3\n4;5;6\n", "x,y,z,n\n,,,A\n1,2,3,B\n4,5,6,C\n"],
)
def test_a_first_row_without_coordinates(tmp_path: Path, content: str) -> None:
    cloud = read(tmp_path, content)
    np.testing.assert_array_equal(cloud.points, WANTED)
    assert (cloud.num_dropped, cloud.file_rows) == (1, 3)


def test_names_in_latin_1_are_text_like_others(tmp_path: Path) -> None:
    cloud = read(tmp_path, "ID;Höhe;Z;Y;X\n0;0.5;3;2;1\n1;0.25;6;5;4\n".encode("cp1252"))
    np.testing.assert_array_equal(cloud.points, WANTED)
    np.testing.assert_array_equal(cloud.columns["Höhe"], [0.5, 0.25])
    assert cloud.content is not None
    assert cloud.content.positions == ("ID", "Höhe", "Z", "Y", "X")
    assert list(read(tmp_path, "Höhe;Z;Y;X\n0;3;2;1\n").columns) == ["Höhe"]


def test_seven_columns_of_a_scanner_are_no_label(tmp_path: Path) -> None:
    random = np.random.default_rng([1])
    table = np.column_stack([random.random((50, 3)), random.integers(0, 256, (50, 4))])
    cloud = read(tmp_path, samples.rows(table), "a.txt")
    assert cloud.label_source is None
    assert set(cloud.attributes) == {"columns"}
    np.testing.assert_array_equal(cloud.columns["column_4"], table[:, 3])


def test_pts_has_intensity_and_colors_and_may_hold_several_clouds(tmp_path: Path) -> None:
    raw = samples.pts()
    for content, times in ((raw, 1), (raw + raw, 2), (raw.partition(b"\n")[2], 1)):
        cloud = read(tmp_path, content, "a.pts")
        np.testing.assert_array_equal(cloud.points, np.tile(samples.POINTS, (times, 1)))
        np.testing.assert_array_equal(cloud.attributes["colors"], np.tile(samples.COLORS, (times, 1)))
        np.testing.assert_array_equal(cloud.columns["intensity"], np.tile([-9, 8, 7, 6, 5], times))
    with pytest.raises(DataError, match="declares 11 points, 10 lines follow"):
        read(tmp_path, raw + b"6" + raw[1:], "a.pts")
