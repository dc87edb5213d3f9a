"""What a user should know of the data, and no error: lines on stderr, each once, and not too many."""

from __future__ import annotations

import os
import sys
from multiprocessing import current_process
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointlora.data.files import PointCloud

# Lines about single files; a folder may hold 100,000.
MOST_FILE_LINES = 20

_said: set[str] = set()
_clouds: set[str] = set()
_file_lines: set[str] = set()


def say(line: str) -> None:
    """Print a line, unless this process has printed it before, or is one of several that say the same."""
    if line in _said or os.environ.get("RANK", "0") != "0":
        return
    _said.add(line)
    print(line, file=sys.stderr, flush=True)


def say_of_cloud(cloud: PointCloud) -> None:
    """Print what is odd about a file that this process reads for the first time, a line each.

    What goes beyond `MOST_FILE_LINES` lines isn't shown. A loader's worker looks for nothing: that takes as long as
    reading does, and all files have been read once before a worker starts.
    """
    path = str(cloud.path)
    if path in _clouds or current_process().daemon:
        return
    _clouds.add(path)
    for line in cloud.warnings:
        say_of_file(line)


def say_of_file(line: str) -> None:
    """Print a line about one file, unless there were `MOST_FILE_LINES` of them."""
    if len(_file_lines) < MOST_FILE_LINES:
        _file_lines.add(line)
        say(line)
    else:
        say("more warnings about files are not shown; `pointlora info FILE` shows those of one")


def forget() -> None:
    """Begin anew, as another process would."""
    for lines in (_said, _clouds, _file_lines):
        lines.clear()
