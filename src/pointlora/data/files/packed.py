"""Files packed by gzip: unpacked into a temporary folder, within bounds."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointlora.data.files.limits import MAX_FILE_BYTES, check_file, damaged, data_error, one_line
from pointlora.errors import DataError

_BLOCK_BYTES = 1 << 20
# Clouds shrink to a half or a tenth, empty grids to a hundredth; gzip can do 1032 : 1, and then unpacks nothing but it.
_MAX_RATIO = 200
_ALWAYS_BYTES = 1 << 24


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give the path of what a .gz file holds, for as long as the context lasts; errors name the .gz file.

    Raises:
        DataError: not gzip, damaged, or unpacks to far more than its size.
    """
    with tempfile.TemporaryDirectory(prefix="pointlora-") as folder:
        target = Path(folder) / path.stem
        try:
            _unpack(path, target)
            check_file(target)
            yield target
        except DataError as error:
            raise DataError(str(error).replace(str(target), str(path))) from error


def _unpack(path: Path, target: Path) -> None:
    limit = min(MAX_FILE_BYTES, max(_ALWAYS_BYTES, _MAX_RATIO * path.stat().st_size))
    done = 0
    try:
        with gzip.open(path, "rb") as source, open(target, "wb") as file:
            while block := source.read(_BLOCK_BYTES):
                done += len(block)
                if done > limit:
                    problem = f"unpacks to more than {limit} bytes"
                    raise data_error(path, problem, "unpack it yourself if that is right")
                file.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, f"is not a whole gzip file ({one_line(error)})") from error
