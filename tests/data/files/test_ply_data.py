"""The data of PLY files: lists of different lengths, further elements, and text."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.data.files.ply import open_ply
from pointlora.data.files.ply_elements import Lists, pack_element
from pointlora.errors import DataError

FORMS = {"<": "binary_little_endian", ">": "binary_big_endian"}
FACES = [[0, 1, 2], [3, 4, 5, 6], [], [6, 5, 4, 3, 2, 1], [0, 2, 1]]
DECLARATIONS = [
    *("element vertex 7", "property float x", "property double y", "property short z", "property list uchar int seen"),
    *("element face 5", "property uchar flag", "property list ushort int vertex_indices", "property float area"),
    *("element edge 2", "property int vertex1", "property int vertex2"),
]


def values() -> list[tuple[float, float, int, list[int]]]:
    return [(k / 4, k / 3, -k, list(range(k % 3))) for k in range(7)]


def binary(order: str) -> bytes:
    body = b"".join(struct.pack(f"{order}fdhB{len(seen)}i", x, y, z, len(seen), *seen) for x, y, z, seen in values())
    for number, face in enumerate(FACES):
        body += struct.pack(f"{order}BH{len(face)}if", number, len(face), *face, number / 2)
    return samples.ply_header(FORMS[order], *DECLARATIONS) + body + struct.pack(f"{order}4i", 1, 2, 3, 4)


def text() -> bytes:
    lines = [" ".join(map(repr, [x, y, z, len(seen), *seen])) for x, y, z, seen in values()]
    lines += [" ".join(map(str, [k, len(face), *face, k / 2])) for k, face in enumerate(FACES)]
    return samples.ply_header("ascii", *DECLARATIONS) + "\n".join([*lines, "1 2", "3 4", ""]).encode()


@pytest.mark.parametrize("content", [binary("<"), binary(">"), text()])
def test_lists_of_different_lengths_between_numbers(tmp_path: Path, content: bytes) -> None:
    _, (vertex, face, edge) = open_ply(samples.write(tmp_path, "a.ply", content))
    np.testing.assert_array_equal(vertex.columns["x"], np.arange(7, dtype=np.float32) / 4)
    np.testing.assert_array_equal(vertex.columns["y"], np.arange(7) / 3)
    np.testing.assert_array_equal(vertex.columns["z"], -np.arange(7))
    seen, corners = vertex.columns["seen"], face.columns["vertex_indices"]
    assert isinstance(seen, Lists)
    assert isinstance(corners, Lists)
    assert (seen.lengths.tolist(), seen.flat.tolist()) == ([0, 1, 2, 0, 1, 2, 0], [0, 0, 1, 0, 0, 1])
    assert (corners.lengths.tolist(), corners.flat.tolist()) == ([3, 4, 0, 6, 3], np.concatenate(FACES).tolist())
    np.testing.assert_array_equal(face.columns["area"], np.arange(5) / 2)
    np.testing.assert_array_equal(edge.columns["vertex2"], [2, 4])
    # Packed again they are the bytes of the little-endian file.
    assert binary("<").endswith(b"".join(map(pack_element, (vertex, face, edge))))


@pytest.mark.parametrize("content", [binary("<"), binary(">"), text()])
def test_every_cut_is_noticed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.ply"
    for cut in range(content.index(b"end_header"), len(content.rstrip(b"\n"))):
        path.write_bytes(content[:cut])
        with pytest.raises(DataError):
            open_ply(path)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_header_lines_may_end_in_spaces_and_differently(tmp_path: Path, order: str, end: bytes) -> None:
    raw = samples.ply_points(order)
    header, mark, body = raw.partition(b"end_header\n")
    # A first coordinate whose first byte is that of a line feed.
    body = b"\n" + body[1:]
    changed = (header + mark).replace(b"\n", b" " + end)
    plain = read_point_cloud(samples.write(tmp_path, "a.ply", header + mark + body))
    found = read_point_cloud(samples.write(tmp_path, "b.ply", changed + body))
    np.testing.assert_array_equal(found.points, plain.points)
    if end != b"\r":
        mixed = header + mark.rstrip(b"\n") + end + body
        np.testing.assert_array_equal(read_point_cloud(samples.write(tmp_path, "c.ply", mixed)).points, plain.points)


@pytest.mark.parametrize("name", ["Höhe", "高さ", "H\udcf6he"])
def test_names_and_comments_in_any_bytes(tmp_path: Path, name: str) -> None:
    raw_name = name.encode("utf-8", "surrogateescape")
    raw = samples.ply_points("<").replace(b"quality", raw_name).replace(b"by hand", raw_name)
    cloud = read_point_cloud(samples.write(tmp_path, "a.ply", raw))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    np.testing.assert_array_equal(list(cloud.columns.values())[-1], np.arange(5) / 4)
    assert len(cloud.columns) == 8


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"1 2\n", b"1 2 3\n", "has 3 columns, not 2"),
        (b"1 2\n", b"1 2.5\n", "'vertex2' has values that its type int32 can't hold"),
        (b"1 2\n", b"1 99999999999\n", "'vertex2' has values"),
        (b"0 3 0 1 2", b"0 4 0 1 2", "isn't a row of 'face'"),
        (b"0 3 0 1 2", b"0 x 0 1 2", "isn't a row of 'face'"),
        (b"1 2\n", b"", "declares 14 rows of data, 13 lines follow"),
        (b"1 2\n", b"1 2\n1 2\n", "declares 14 rows of data, 15 lines follow"),
    ],
)
def test_text_that_does_not_fit(tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
    raw = text()
    place = raw.rindex(old)
    with pytest.raises(DataError, match=words):
        open_ply(samples.write(tmp_path, "a.ply", raw[:place] + new + raw[place + len(old) :]))
