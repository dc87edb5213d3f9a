"""The checks that come before any parser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointlora.data.files.limits import MAX_FILE_BYTES, MAX_POINTS, check_declared, check_file, check_rest, one_line
from pointlora.errors import DataError

PATH = Path("a.ply")


def test_declared_counts() -> None:
    check_declared(PATH, "points", 10, 12, 120)
    with pytest.raises(DataError, match=r"declares 10 points \(>= 120 bytes\), the file has 119"):
        check_declared(PATH, "points", 10, 12, 119)
    with pytest.raises(DataError, match="declares -1 points"):
        check_declared(PATH, "points", -1, 12, 120)
    with pytest.raises(DataError, match="the limit is 500000000"):
        check_declared(PATH, "points", MAX_POINTS + 1, 1, 10**12)


def test_rest() -> None:
    check_rest(PATH, 0, b"")
    check_rest(PATH, 3, b"\n\0 ")
    for rest, tail in ((1, b"x"), (10**6, bytes(8192))):
        with pytest.raises(DataError, match="bytes follow"):
            check_rest(PATH, rest, tail)


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop.ply").symlink_to(tmp_path / "loop.ply")
    (tmp_path / "gone.ply").symlink_to(tmp_path / "nowhere.ply")
    for name in ("loop.ply", "gone.ply"):
        with pytest.raises(DataError, match=f"{name}: is a broken link; check where it leads"):
            check_file(tmp_path / name)


def test_size_limit_of_a_sparse_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with open(path, "wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(DataError, match="the limit is 4294967296"):
        check_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "pipe.ply"
    os.mkfifo(path)
    with pytest.raises(DataError, match="not a regular file"):
        check_file(path)


def test_one_line() -> None:
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(KeyError()) == "KeyError"
    assert len(one_line(ValueError("x" * 1000))) == 203
