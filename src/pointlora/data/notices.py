"""What a user should know of the data, and no error: lines on stderr, each once, and not too many."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

# Lines about single files; a folder may hold 100,000.
MOST_FILE_LINES = 20

_said: set[str] = set()
_file_lines: set[str] = set()


def say(line: str) -> None:
    """Print a line, unless this process has printed it before, or is one of several that say the same."""
    if line in _said or os.environ.get("RANK", "0") != "0":
        return
    _said.add(line)
    print(line, file=sys.stderr, flush=True)


def say_of_files(lines: Iterable[str]) -> None:
    """Print lines about single files, each naming its own; what goes beyond `MOST_FILE_LINES` of them isn't shown."""
    for line in lines:
        if line in _file_lines:
            continue
        if len(_file_lines) < MOST_FILE_LINES:
            _file_lines.add(line)
            say(line)
        else:
            say("more warnings about files are not shown; `pointlora info FILE` shows those of one")


def forget() -> None:
    """Begin anew, as another process would."""
    _said.clear()
    _file_lines.clear()
