"""Names on a command line as files: folders are searched through, patterns expanded."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pointlora.data.passed_over import PassedOver
from pointlora.errors import DataError


def expand_paths(names: Iterable[str], passed: PassedOver | None = None) -> Iterator[Path | DataError]:
    """Files, folders and glob patterns as files: folders are searched through, hidden files left out.

    Args:
        names: as a user writes them.
        passed: takes what of the folders isn't read; None says it on stderr, in a line a folder.

    Yields:
        paths in the order given, those of a folder or a pattern sorted; an error for a name that stands for none.
    """
    for name in names:
        if os.path.isdir(name):
            own = PassedOver() if passed is None else passed
            found = sorted(_search(name, own))
            if passed is None:
                own.say(name)
            yield from found
            if not found:
                yield _no_file(name)
        elif not os.path.exists(name) and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))
            yield from map(Path, matches)
            if not matches:
                yield DataError(f"{name}: no file matches this pattern")
        else:
            yield Path(name)


def _search(folder: str, passed: PassedOver) -> Iterator[Path]:
    from pointlora.data.files import is_supported

    def closed(error: OSError) -> None:
        passed.add("folder that can't be read", str(error.filename))

    for place, folders, files in os.walk(folder, onerror=closed):
        for inner in folders:
            if os.path.islink(os.path.join(place, inner)) and not inner.startswith("."):
                passed.add("linked folder", os.path.join(place, inner))
        folders[:] = [inner for inner in folders if not inner.startswith(".")]
        for file in files:
            path = os.path.join(place, file)
            if file.startswith("."):
                continue
            if is_supported(Path(path)) and os.path.isfile(path):
                yield Path(path)
            else:
                passed.add_entry(path)


def _no_file(name: str) -> DataError:
    from pointlora.data.files import SUPPORTED_SUFFIXES

    return DataError(f"{name}: the folder holds no point-cloud file ({' '.join(SUPPORTED_SUFFIXES)}, also .gz)")
