"""STL: binary sizes, the grammar of the text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


def test_binary_that_starts_with_solid(tmp_path: Path) -> None:
    raw = b"solid".ljust(80) + samples.stl()[80:]
    assert len(read_point_cloud(samples.write(tmp_path, "a.stl", raw), 30)) == 30


def test_two_solids_in_a_text(tmp_path: Path) -> None:
    raw = samples.stl_text() + samples.stl_text().upper()
    assert len(read_point_cloud(samples.write(tmp_path, "a.stl", raw), 30)) == 30


@pytest.mark.parametrize("count", [0, 2, 4, 2**32 - 1])
def test_binary_counts_that_lie(tmp_path: Path, count: int) -> None:
    raw = bytearray(samples.stl())
    raw[80:84] = count.to_bytes(4, "little")
    with pytest.raises(DataError, match=f"declares {count} triangles"):
        read_point_cloud(samples.write(tmp_path, "a.stl", bytes(raw)))


def test_no_triangles(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no triangles"):
        read_point_cloud(samples.write(tmp_path, "a.stl", bytes(84)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("vertex 2 0 1", "vertex 2 0", "line 5 has 2 columns"),
        ("vertex 2 0 1", "vertex 2 x 1", "line 5 has 'x'"),
        ("      vertex 2 0 1\n", "", "line 6 starts with 'endloop' instead of 'vertex'"),
        ("    endloop\n", "", "starts with 'endfacet' instead of 'endloop'"),
        ("endsolid", "ensolid", "does not end with endsolid"),
    ],
)
def test_text_errors(tmp_path: Path, old: str, new: str, words: str) -> None:
    raw = samples.stl_text()
    assert old.encode() in raw
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.stl", raw.replace(old.encode(), new.encode(), 1)))


@pytest.mark.parametrize(
    "end", ["endsolid", "end solid thing", "END SOLID", "ENDSOLID thing", "endsolid thing\0\0\0", "endsolid\x1a"]
)
@pytest.mark.parametrize("loop", ["endloop", "end loop", "ENDLOOP"])
def test_ends_of_other_programs(tmp_path: Path, end: str, loop: str) -> None:
    raw = samples.stl_text().replace(b"endsolid thing", end.encode()).replace(b"endloop", loop.encode())
    plain = read_point_cloud(samples.write_sample(tmp_path, "text.stl"), 40).points
    for content in (raw, raw.replace(b"\n", b"\r\n"), raw.replace(b" ", b"\t"), b"\xef\xbb\xbf" + raw):
        np.testing.assert_array_equal(read_point_cloud(samples.write(tmp_path, "a.stl", content), 40).points, plain)


@pytest.mark.parametrize("padding", [b"\0", bytes(10), bytes(50), b"\r\n", bytes(4096)])
def test_padding_behind_binary_triangles(tmp_path: Path, padding: bytes) -> None:
    plain = read_point_cloud(samples.write_sample(tmp_path, "binary.stl"), 40).points
    path = samples.write(tmp_path, "a.stl", samples.stl() + padding)
    np.testing.assert_array_equal(read_point_cloud(path, 40).points, plain)
    path.write_bytes(samples.stl() + padding + b"more")
    with pytest.raises(DataError, match="declares 3 triangles"):
        read_point_cloud(path)
