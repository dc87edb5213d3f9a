"""What every reader asks of a file before a parser sees it: that it is there, and as large as its header says.

A damaged or hostile header can declare 10^12 points in a file of a kilobyte. Parsers tend to allocate first and read
later, so the readers of this package compare declared counts with the real number of bytes before they allocate.
"""

from __future__ import annotations

import importlib
import os
import stat
from pathlib import Path
from types import ModuleType

from pointlora.errors import DataError

MAX_FILE_BYTES = 4 * 1024**3
MAX_POINTS = 500_000_000
MAX_PADDING_BYTES = 4096
_MAX_DETAIL = 200


def data_error(path: Path, problem: str, fix: str) -> DataError:
    """Return the one-line error that names the file, what is wrong with it and what to do."""
    return DataError(" ".join(f"{path}: {problem}; {fix}".split()))


def damaged(path: Path, problem: str) -> DataError:
    """Return the error for a file whose content contradicts itself."""
    return data_error(path, problem, "the file is damaged or incomplete, copy or export it again")


def one_line(error: BaseException) -> str:
    """Return an exception of another library as a short text of one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MAX_DETAIL else f"{text[:_MAX_DETAIL]}..."


def check_file(path: Path) -> int:
    """Return the size in bytes of a readable, non-empty regular file.

    Raises:
        DataError: the path is missing, a folder, something else than a file, unreadable, empty or above 4 GiB.
    """
    if os.path.islink(path) and not os.path.exists(path):
        raise data_error(path, "is a broken link", "check where it leads")
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise data_error(path, "is a folder", "name one file inside it")
        if not stat.S_ISREG(status.st_mode):
            raise data_error(path, "is not a regular file", "copy the data to a file first")
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise data_error(path, "no such file", "check the path") from error
    except PermissionError as error:
        raise data_error(path, "no permission to read it", "change its mode, e.g. `chmod u+r`") from error
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise data_error(path, f"cannot be opened ({one_line(error)})", "check the path") from error
    if status.st_size == 0:
        raise data_error(path, "the file is empty (0 bytes)", "copy or export it again")
    if status.st_size > MAX_FILE_BYTES:
        problem = f"the file has {status.st_size} bytes, the limit is {MAX_FILE_BYTES}"
        raise data_error(path, problem, "split or thin the cloud first")
    return status.st_size


def check_declared(path: Path, what: str, count: int, bytes_each: int, available: int) -> None:
    """Raise DataError unless `count` items of at least `bytes_each` bytes fit into `available` bytes.

    Args:
        path: the file, for the message.
        what: plural noun of the items, for the message.
        count: how many the header declares.
        bytes_each: the fewest bytes one of them can take.
        available: how many bytes the file has for them.
    """
    if count < 0:
        raise damaged(path, f"the header declares {count} {what}")
    if count * bytes_each > available:
        raise damaged(
            path, f"the header declares {count} {what} (>= {count * bytes_each} bytes), the file has {available}"
        )
    if count > MAX_POINTS:
        raise data_error(path, f"the header declares {count} {what}, the limit is {MAX_POINTS}", "split the cloud")


def check_rest(path: Path, rest: int, tail: bytes) -> None:
    """Raise DataError if data follow what the header declares; a little white space or zero padding is let pass.

    Args:
        path: the file, for the message.
        rest: number of bytes after the declared data.
        tail: those bytes, or the first few thousand of them.
    """
    if rest > MAX_PADDING_BYTES or tail.strip(b" \t\r\n\0"):
        raise damaged(path, f"{rest} bytes follow the data that the header declares")


def optional_module(path: Path, name: str) -> ModuleType:
    """Import a library that only some formats need.

    Raises:
        DataError: the library is not installed; the message holds the pip command.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        problem = f"reading or writing {path.suffix} needs the library {name.partition('.')[0]}"
        raise data_error(path, problem, "in a clone of the repository, pip install '.[io]'") from error
