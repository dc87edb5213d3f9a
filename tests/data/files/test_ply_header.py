"""The PLY header on its own: rows, sizes and lists."""

from __future__ import annotations

from pathlib import Path

import pytest

import file_samples as samples
from pointlora.data.files.ply_header import parse_ply_header
from pointlora.errors import DataError


def test_elements_and_row_sizes(tmp_path: Path) -> None:
    raw = samples.ply_mesh()
    header = parse_ply_header(samples.write(tmp_path, "a.ply", raw))
    vertex, face = header.elements
    assert header.format == "binary_little_endian"
    assert raw[header.data_start :][:84] == samples.VERTICES.tobytes()
    assert (vertex.name, vertex.count, vertex.row_bytes, vertex.names) == ("vertex", 7, 12, ["x", "y", "z"])
    assert (face.name, face.count, face.row_bytes, face.lists) == ("face", 3, 1, ["vertex_indices"])
    assert header.element("edge") is None


def test_tabs_and_spaces_between_words(tmp_path: Path) -> None:
    raw = b"ply\nformat\tascii 1.0\ncomment\tby hand\n\nelement\tvertex \t7\n property\tfloat  x\nend_header\n"
    header = parse_ply_header(samples.write(tmp_path, "a.ply", raw))
    vertex = header.element("vertex")
    assert vertex is not None
    assert (header.format, header.comments, vertex.count, vertex.names) == ("ascii", ["by hand"], 7, ["x"])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"plx\n", "line 'ply'"),
        (b"ply\nformat ascii 1.0\n", "no line end_header"),
        (b"ply\nelement vertex\nend_header\n", "'element vertex' makes no sense"),
        (b"ply\nelement vertex 1e3\nend_header\n", "makes no sense"),
        (b"ply\nproperty float x\nend_header\n", "makes no sense"),
        (b"ply\nelement vertex 1\nproperty half x\nend_header\n", "makes no sense"),
        (b"ply\nelement vertex 1\nend_header\n", "no properties"),
    ],
)
def test_bad_headers(tmp_path: Path, raw: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        parse_ply_header(samples.write(tmp_path, "a.ply", raw))
