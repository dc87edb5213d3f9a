"""Pickles that hold plain values and NumPy arrays, read without letting them run anything.

A pickle is a program: it names functions and calls them. Here it can reach none. The few names by which NumPy writes
its arrays stand for functions of ours (`pickled_arrays`), which check what they are given; every other name is refused.
Before that, the opcodes are looked through: only those that build plain values are let pass, with lengths that the file
has.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

from pointlora.data.files.limits import check_file, damaged, data_error, one_line
from pointlora.data.files.pickled_arrays import NAMES, Refused
from pointlora.errors import DataError

MAX_PICKLE_BYTES = 1024**3
MAX_OPCODES = 2_000_000

_OPCODES = frozenset(
    re.findall(
        r"\w+",
        """
        PROTO FRAME STOP MARK POP POP_MARK MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET
        NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 FLOAT BINFLOAT
        STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
        BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
        EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 LIST DICT APPEND APPENDS SETITEM SETITEMS
        GLOBAL STACK_GLOBAL REDUCE BUILD
        """,
    )
)
_MEMO_OPCODES = ("PUT", "BINPUT", "LONG_BINPUT")


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
        _check_opcodes(content)
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


def _check_opcodes(content: bytes) -> None:
    """Look through the whole pickle, without building anything of it but single values.

    Raises:
        Refused: for an opcode that isn't needed for plain values, or for too many of them.
        ValueError: if a length goes beyond the file's end, or anything follows the pickle's.
    """
    stream = io.BytesIO(content)
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if opcode.name not in _OPCODES:
            raise Refused(f"it holds the opcode {opcode.name}")
        # The unpickler's memo is an array as long as the largest number.
        if number >= MAX_OPCODES or (opcode.name in _MEMO_OPCODES and not 0 <= int(argument or 0) <= MAX_OPCODES):
            raise Refused(f"it has more than {MAX_OPCODES} parts")
    if stream.read(1):
        raise ValueError("bytes follow its end")
