"""Lines about the data: each once, and not too many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointlora.data import notices
from pointlora.data.files import PointCloud


def test_a_line_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("one", "two", "one"):
        notices.say(line)
    assert capsys.readouterr().err == "one\ntwo\n"


def test_lines_about_files_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    for number in [*range(50), *range(50)]:
        notices.say_of_cloud(PointCloud(np.eye(3, dtype=np.float32), {}, Path(f"{number}.ply")))
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == notices.MOST_FILE_LINES + 1
    assert printed[0] == "0.ply: has only 3 points, fewer than a patch of 32"
    assert printed[-1].startswith("more warnings about files are not shown")


def test_one_of_several_processes_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    notices.say("one")
    assert capsys.readouterr().err == ""
