"""Names on a command line as files: folders are searched through, patterns expanded."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pointlora.errors import DataError


def expand_paths(names: Iterable[str]) -> Iterator[Path | DataError]:
    """Files, folders and glob patterns as files: folders are searched through, hidden files left out.

    Yields:
        paths in the order given, those of a folder or a pattern sorted; an error for a name that stands for none.
    """
    from pointlora.data.files import SUPPORTED_SUFFIXES

    for name in names:
        path = Path(name)
        if os.path.isdir(name):
            found = sorted(
                inner
                for inner in path.rglob("*")
                if inner.suffix.lower() in SUPPORTED_SUFFIXES
                and inner.is_file()
                and not any(part.startswith(".") for part in inner.relative_to(path).parts)
            )
            yield from found
            if not found:
                yield DataError(f"{name}: the folder holds no point-cloud file ({' '.join(SUPPORTED_SUFFIXES)})")
        elif not os.path.exists(name) and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))
            yield from map(Path, matches)
            if not matches:
                yield DataError(f"{name}: no file matches this pattern")
        else:
            yield path
