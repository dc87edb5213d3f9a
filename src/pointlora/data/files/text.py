"""Lines and rows of text files, read as a stream so that what a line costs is paid once and a huge one never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import DTypeLike

from pointlora.data.files.limits import damaged, data_error
from pointlora.errors import DataError

# Longer lines are no text of points.
MAX_LINE_BYTES = 1 << 20
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
Line = tuple[int, str]


def open_text(path: Path, start: int = 0) -> TextIO:
    """Open a file as text from a byte on, any line ends; bytes that are no UTF-8 become lone surrogates.

    Names and comments may hold such bytes (old programs write them in Latin-1), rows of numbers may not:
    `explain_rows` finds them. UTF-16 is known by its mark.

    Raises:
        DataError: a line of more than a megabyte.
    """
    with open(path, "rb") as file:
        encoding = "utf-16" if file.read(2) in _UTF16_MARKS else "utf-8-sig"
        file.seek(0)
        while len(block := file.read(MAX_LINE_BYTES)) == MAX_LINE_BYTES:
            if b"\n" not in block and b"\r" not in block:
                raise data_error(path, f"is not text (a line is longer than {MAX_LINE_BYTES} bytes)", _EXPORT)
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    opened = open(path, encoding=encoding, errors=errors)  # noqa: SIM115 (the caller closes it)
    if start:
        opened.seek(start)
    return opened


_EXPORT = "export it as UTF-8 text"


def text_lines(file: Iterable[str], comments: Sequence[str] = ("#",), first: int = 1) -> Iterator[Line]:
    """Yield the non-empty lines as (line number, text stripped of comments and white space).

    Args:
        file: lines as a file gives them.
        comments: marks from which on the rest of a line is passed over.
        first: number of the first line.
    """
    for number, line in enumerate(file, start=first):
        for mark in comments:
            if mark in line:
                line = line.partition(mark)[0]
        if line := line.strip():
            yield number, line


def parse_rows(
    path: Path, lines: Iterable[Line], dtype: DTypeLike = np.float64, use_columns: tuple[int, ...] | None = None
) -> np.ndarray:
    """Parse lines of numbers, separated by white space or commas, into an array, one row per line.

    Args:
        path: the file, for messages.
        lines: from `text_lines`.
        dtype: of the result; a structured dtype takes one column a field.
        use_columns: only these columns, all of which each line must have; without it all lines are equally long.

    Returns:
        (N, C) array, or (N,) for a structured dtype.

    Raises:
        DataError: no lines, or the first line that does not fit, by its number.
    """
    stream = iter(lines)
    head = next(stream, None)
    if head is None:
        raise data_error(path, "the file holds no points", "choose a file with at least one point")
    separator = "," if "," in head[1] else None
    seen = RowWatch(chain([head], stream))
    structured = np.dtype(dtype).names is not None
    try:
        return np.loadtxt(
            seen.texts(),
            dtype=dtype,
            delimiter=separator,
            comments=None,
            usecols=use_columns,
            ndmin=1 if structured else 2,
        )
    except DataError:
        # From the lines themselves: it is a ValueError too.
        raise
    except ValueError as error:
        width = len(head[1].split(separator)) if use_columns is None else max(use_columns) + 1
        raise explain_rows(path, seen.latest, separator, width, use_columns is None) from error


class RowWatch:
    """Lines on their way to a parser, of which the latest is kept: numpy parses as it reads, so an error is there.

    Args:
        lines: from `text_lines`.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self.latest: Line = (0, "")

    def texts(self) -> Iterator[str]:
        """The texts of the lines."""
        for line in self._lines:
            self.latest = line
            yield line[1]


def explain_rows(path: Path, line: Line, separator: str | None, width: int, exact: bool) -> Exception:
    """The error that says why a line is no row of numbers: numpy counts rows and has advice for programmers.

    Args:
        path: the file.
        line: where the error is.
        separator: between columns, None for white space.
        width: number of columns.
        exact: whether a line may not have more.
    """
    number, text = line
    if any(letter == "\0" or "\udc80" <= letter <= "\udcff" for letter in text):
        return data_error(path, f"is not text (line {number})", _EXPORT)
    tokens = text.split(separator)
    if len(tokens) != width if exact else len(tokens) < width:
        return damaged(path, f"line {number} has {len(tokens)} columns, not {width}")
    wrong = [token for token in tokens[:width] if not is_number(token)]
    if wrong:
        return damaged(path, f"line {number} has {wrong[0][:40]!r} where a number should be")
    return damaged(path, "its values do not fit their declared types or number of columns")


def is_number(token: str) -> bool:
    """Whether a token is a number as numpy reads it; NaN and infinity are."""
    try:
        float(token)
    except ValueError:
        return False
    return "_" not in token and token.isascii()
