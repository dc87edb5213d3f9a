"""Pickles that hold plain values and NumPy arrays, read without letting them run anything.

A pickle is a program: it names functions and calls them. Here it can reach none. The few names by which NumPy writes
its arrays stand for functions of ours (`pickled_arrays`), which check what they are given; every other name is refused.
Before that, the opcodes are looked through: only those that build plain values are let pass, with lengths that the file
has.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from pointlora.data.files.limits import check_file, damaged, data_error, one_line
from pointlora.data.files.opcodes import check_opcodes
from pointlora.data.files.pickled_arrays import NAMES, Refused
from pointlora.errors import DataError

MAX_PICKLE_BYTES = 1024**3


def read_numpy_pickle(path: Path) -> Any:
    """What a pickle of plain values (dict, list, tuple, text, numbers) and NumPy arrays of numbers holds.

    Any protocol, also that of Python 2. Arrays are read-only `PickledArray`s: `array_of` gives the array.

    Raises:
        DataError: naming the file, if it can't be read, is damaged or too large, or names anything else than the
            parts of an array. It is then refused before anything of it has run.
    """
    size = check_file(path)
    if size > MAX_PICKLE_BYTES:
        problem = f"the file has {size} bytes, the limit for a pickle is {MAX_PICKLE_BYTES}"
        raise data_error(path, problem, "store arrays in .npz instead")
    content = path.read_bytes()
    try:
        _check_whole(content)
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except Refused as error:
        raise data_error(
            path, f"refused without running it: {error}", "only NumPy arrays and plain values are read from a pickle"
        ) from error
    except MemoryError as error:
        raise data_error(path, "does not fit into memory", "store arrays in .npz instead") from error
    except DataError:
        raise
    except Exception as error:  # damaged pickles raise nearly anything
        raise damaged(path, f"cannot be read as a pickle ({one_line(error)})") from error


class _Unpickler(pickle.Unpickler):
    """Knows the names in `NAMES`, and imports none."""

    def find_class(self, module: str, name: str) -> Any:
        found = NAMES.get((module, name))
        if found is None:
            raise Refused(f"it names {module[:60]}.{name[:60]}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise Refused("it refers to something outside the file")


def _check_whole(content: bytes) -> None:
    """Look through the whole pickle.

    Raises:
        Refused: for an opcode that isn't needed for plain values, or for too many of them.
        ValueError: if a length goes beyond the file's end, or anything follows the pickle's.
    """
    stream = io.BytesIO(content)
    check_opcodes(stream)
    if stream.read(1):
        raise ValueError("bytes follow its end")
