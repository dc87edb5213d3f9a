"""What a cache is made from: files, a reader of a certain version, and its options."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.errors import DataError
from pointlora.version import __version__


class CloudSource(ABC):
    """Files that hold clouds, and how they are read.

    Attributes:
        reader: the reader's name and version; another one reads the same files to other clouds.
        files: paths, in the order of the clouds.
        options: of the reader, as JSON can hold them.
    """

    reader: str
    files: Sequence[str]
    options: dict[str, Any]

    @abstractmethod
    def read(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        """Each cloud (N_i, 3), or wider if all are, one after the other with its label; -1 where the files don't say.

        Raises:
            DataError: naming the file that can't be read.
        """

    @abstractmethod
    def describe(self, index: int) -> str:
        """Where cloud `index` comes from, for error messages."""

    def identity(self) -> str:
        """A digest of what is read and how; a cache's file name."""
        # Relative paths count from the working folder; adding it is cheaper than making every path absolute.
        folder = os.getcwd()
        paths = [path if os.path.isabs(path) else os.path.join(folder, path) for path in self.files]
        return _digest([self.reader, __version__, self.options, paths])

    def state(self) -> str:
        """A digest of the files' sizes and times of change (in ns): another one means that the cache is out of date.

        Raises:
            DataError: if a file isn't there.
        """
        numbers = np.empty((len(self.files), 2), dtype="<i8")
        for row, path in enumerate(self.files):
            try:
                found = os.stat(path)
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror}") from error
            numbers[row] = found.st_size, found.st_mtime_ns
        return blake2b(numbers.tobytes(), digest_size=16).hexdigest()


def _digest(value: Any) -> str:
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()
