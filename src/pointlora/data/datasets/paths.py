"""Finding a data set on disk: roots that must exist, split names, and one-line errors that show the layout expected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pointlora.errors import ConfigError, DataError
from pointlora.names import unknown_name

Root = str | os.PathLike[str] | None


def check_root(name: str, root: Root, layout: str) -> Path:
    """The root as a path that exists.

    Raises:
        DataError: if `root` is None or doesn't exist; the message shows `layout`.
    """
    if root is None:
        raise DataError(f"data set {name!r} needs a root; layout expected: {layout}")
    path = Path(root).expanduser()
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; data set {name!r} expects {layout}")
    return path


def first_existing(name: str, candidates: Sequence[Path], layout: str) -> Path:
    """The first candidate that exists.

    Raises:
        DataError: if none does; the message names the first candidate and shows `layout`.
    """
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise DataError(f"{candidates[0]}: no such file or folder; data set {name!r} expects {layout}")


def check_split(split: str, known: Sequence[str]) -> str:
    """`split` if it is known.

    Raises:
        ConfigError: otherwise, with the nearest name.
    """
    if split not in known:
        raise ConfigError(unknown_name("split", split, known))
    return split


def read_lines(path: Path) -> list[str]:
    """The non-empty lines of a small text file, stripped.

    Raises:
        DataError: if it cannot be read as text or holds no line.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a UTF-8 text file"
        raise DataError(f"{path}: cannot be read: {reason}") from error
    lines = [line for line in lines if line]
    if not lines:
        raise DataError(f"{path}: holds no line; a list with one entry per line is expected")
    return lines


def check_unique(class_names: Sequence[str], source: object) -> tuple[str, ...]:
    """The class names, all different.

    Raises:
        DataError: if one occurs twice, or if there is none.
    """
    if not class_names:
        raise DataError(f"{source}: no class names")
    repeated = sorted({name for name in class_names if list(class_names).count(name) > 1})
    if repeated:
        raise DataError(f"{source}: class name {repeated[0]!r} occurs more than once")
    return tuple(class_names)
