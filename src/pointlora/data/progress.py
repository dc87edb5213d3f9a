"""A line of progress on a terminal, for what may take seconds or hours."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")

_QUIET_SECONDS = 2.0
_EVERY_SECONDS = 0.1


class Progress:
    """Shows how many items are done, after two seconds, on a terminal; a context manager.

    Args:
        what: is being done.
        total: number of items, where it is known.
    """

    def __init__(self, what: str, total: int | None = None) -> None:
        self.what = what
        self.end = "" if total is None else f" of {total}"
        self._due = time.monotonic() + _QUIET_SECONDS
        self._shown = False

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, counted as they are done with."""
        for done, item in enumerate(items, 1):
            yield item
            if time.monotonic() > self._due and sys.stderr.isatty():
                print(f"\r{self.what}: {done}{self.end}", end="", file=sys.stderr, flush=True)
                self._due, self._shown = time.monotonic() + _EVERY_SECONDS, True

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            print(file=sys.stderr)
