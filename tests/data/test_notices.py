"""Lines about the data: each once, and not too many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pointlora.data import notices


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    notices.forget()
    yield
    notices.forget()


def test_a_line_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("one", "two", "one"):
        notices.say(line)
    assert capsys.readouterr().err == "one\ntwo\n"


def test_lines_about_files_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{number}.ply: odd" for number in range(1000)]
    for _ in range(2):
        for line in lines:
            notices.say_of_files([line])
    printed = capsys.readouterr().err.splitlines()
    assert printed[:-1] == lines[: notices.MOST_FILE_LINES]
    assert printed[-1].startswith("more warnings about files are not shown")


def test_one_of_several_processes_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    notices.say("one")
    assert capsys.readouterr().err == ""
