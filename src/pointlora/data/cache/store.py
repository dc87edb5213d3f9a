"""Caches in a folder: found by what they are made from, made once, made anew when they are out of date or damaged."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.data.cache.container import CloudFile, DamagedCacheError, write_clouds
from pointlora.data.cache.source import CloudSource
from pointlora.data.progress import Progress
from pointlora.errors import ConfigError, DataError
from pointlora.names import unknown_name

VARIABLE = "POINTLORA_CACHE"


def cache_folder(option: str) -> Path | None:
    """The folder that the setting `data.cache` stands for.

    Args:
        option: `auto` (`$POINTLORA_CACHE`, or else ~/.cache/pointlora), `off`, or a folder.

    Returns:
        the folder, which need not exist; None for no cache.

    Raises:
        ConfigError: for a word that is neither; a folder beside one is written ./word.
    """
    if option == "off":
        return None
    if option == "auto":
        return Path(os.environ.get(VARIABLE) or "~/.cache/pointlora").expanduser()
    if not option or (Path(option).name == option and not option.startswith(("~", "."))):
        raise ConfigError(unknown_name("data.cache", option, ("auto", "off", "./folder")))
    return Path(option).expanduser()


def open_cache(source: CloudSource, option: str = "auto") -> CloudCache | None:
    """The clouds of `source` from their cache, which is made if it isn't there.

    Args:
        source: what the clouds are read from.
        option: see `cache_folder`.

    Returns:
        None if there is to be no cache, or with `auto` if it can't be written, which is said on stderr.

    Raises:
        DataError: if a file of the source can't be read, or the folder that was asked for can't be written.
    """
    folder = cache_folder(option)
    if folder is None:
        return None
    try:
        return CloudCache(source, folder)
    except OSError as error:
        problem = f"{error.filename or folder}: the data cache can't be written: {error.strerror}"
        if option != "auto":
            raise DataError(f"{problem}; choose another folder for data.cache, or off") from error
        print(f"{problem}; continuing without it", file=sys.stderr, flush=True)
        return None


class CloudCache:
    """The clouds of a source, read one at a time from one file; it may be sent to other processes.

    Args:
        source: what the clouds are made from.
        folder: where caches lie.

    Attributes:
        path: the file.
        sizes: (n,) int64, points of each cloud; all of them are finite.
        labels: (n,) int64.

    Raises:
        DataError: if the source can't be read.
        OSError: if the cache can't be written.
    """

    def __init__(self, source: CloudSource, folder: Path) -> None:
        self.source, self.state = source, source.state()
        self.path = folder / f"{source.reader.split()[0]}-{source.identity()}.clouds"
        self._file: CloudFile | None = self._open()
        self.sizes, self.labels = self._file.sizes, self._file.labels

    def __len__(self) -> int:
        return len(self.sizes)

    def cloud(self, index: int) -> NDArray[np.float32]:
        """Cloud `index` as (N_i, 3) float32, or as wide as the source made it. A damaged cache is made anew.

        Raises:
            DataError: if that isn't possible.
        """
        if self._file is None:
            self._file = self._open()
        try:
            return self._file.cloud(index)
        except DamagedCacheError:
            self._file.close()
        self.path.unlink(missing_ok=True)
        self._file = self._open()
        return self._file.cloud(index)

    def _open(self) -> CloudFile:
        with contextlib.suppress(FileNotFoundError, DamagedCacheError):
            return CloudFile(self.path, self.state)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path.with_suffix(".lock")):
            # Another process may have made it in the meantime.
            with contextlib.suppress(FileNotFoundError, DamagedCacheError):
                return CloudFile(self.path, self.state)
            if self.source.state() != self.state:
                raise DataError(f"{self.source.describe(0)}: the data set's files have changed during the run")
            with Progress("converting clouds for the data cache") as progress:
                write_clouds(self.path, self.state, progress.over(self.source.read()), self.source.describe)
        return CloudFile(self.path, self.state)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process at a time, where the system has locks; elsewhere two make the same file, which does no harm."""
    with open(path, "ab") as file:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
