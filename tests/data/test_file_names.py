"""Names on a command line: what stands for files, in which order, and what of a folder isn't read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointlora.data.file_names import expand_paths
from pointlora.data.passed_over import PassedOver
from pointlora.errors import DataError


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def test_files_of_a_folder_in_order_without_hidden_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "b.ply", "a/c.TXT", "a/deep/d.npz", ".git/e.ply", "a/.f.ply", "z.las.gz")
    found = [str(Path(path).relative_to(tmp_path)) for path in expand_paths([str(tmp_path)])]
    assert found == ["a/c.TXT", "a/deep/d.npz", "b.ply", "z.las.gz"]
    assert capsys.readouterr().err == ""


def test_what_is_passed_over_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "a.ply", "b.e57x", "sub/c.e57x", "sub/d.pdf")
    os.symlink(tmp_path / "nowhere", tmp_path / "sub" / "link.ply")
    os.symlink(tmp_path / "sub", tmp_path / "again")
    os.mkfifo(tmp_path / "pipe.ply")
    assert list(expand_paths([str(tmp_path)])) == [tmp_path / "a.ply"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"{tmp_path}: passed over 3 files of unsupported kinds (.e57x 2, .pdf 1; such as {tmp_path}/"
    )
    assert f"1 broken link (such as {tmp_path}/sub/link.ply)" in line
    assert f"1 linked folder (such as {tmp_path}/again)" in line
    assert f"1 special file (such as {tmp_path}/pipe.ply)" in line


def test_folders_that_cannot_be_read_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.ply", "shut/b.ply", "closed/c.ply")
    scandir = os.scandir

    def closed(path: str) -> object:
        if str(path).endswith(("shut", "closed")):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    passed = PassedOver()
    assert list(expand_paths([str(tmp_path)], passed)) == [tmp_path / "a.ply"]
    assert passed.counts["folder that can't be read"] == 2
    assert "2 folders that can't be read (such as " in str(passed)
    assert passed.as_dict()["folder that can't be read"] == 2


def test_names_that_stand_for_no_file(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.pdf")
    first, second, third = expand_paths([str(tmp_path), str(tmp_path / "*.ply"), "gone.ply"])
    assert isinstance(first, DataError)
    assert "holds no point-cloud file" in str(first)
    assert isinstance(second, DataError)
    assert third == Path("gone.ply")
