"""Pickles that hold plain values and NumPy arrays, read without letting them run anything.

A pickle is a program: it names functions and calls them. Here it can reach none. The few names by which NumPy writes
its arrays stand for functions of this file, which check what they are given; every other name is refused. Before that,
the opcodes are looked through: only those that build plain values are let pass, with lengths that the file has.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import check_file, damaged, data_error, one_line
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


class _Refused(Exception):
    """The pickle wants something that isn't an array or a plain value."""


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
    except _Refused as error:
        raise data_error(
            path, f"refused without running it: {error}", "only NumPy arrays and plain values are read from a pickle"
        ) from error
    except MemoryError as error:
        raise data_error(path, "does not fit into memory", "store arrays in .npz instead") from error
    except DataError:
        raise
    except Exception as error:  # damaged pickles raise nearly anything
        raise damaged(path, f"cannot be read as a pickle ({one_line(error)})") from error


class PickledArray:
    """An array on its way out of a pickle: its values come after it has been made."""

    __slots__ = ("values",)

    def __init__(self, values: NDArray | None = None) -> None:
        self.values = values

    def __setstate__(self, state: Any) -> None:
        # (version, shape, dtype, Fortran order, bytes); Python 2 wrote the bytes as text.
        _, shape, dtype, fortran, content = state
        self.values = _make_array(content, dtype, shape, "F" if fortran else "C")


def array_of(value: Any) -> Any:
    """The array of a `PickledArray`; any other value as it is."""
    if not isinstance(value, PickledArray):
        return value
    if value.values is None:
        raise ValueError("an array has no values")
    return value.values


class _Dtype:
    """A number type: its name comes first, its byte order later."""

    __slots__ = ("dtype",)

    def __init__(self, name: Any) -> None:
        name = name.decode("ascii") if isinstance(name, bytes) else name
        if not (isinstance(name, str) and name[:1] in "biuf" and name[1:].isdigit() and len(name) <= 4):
            raise _Refused(f"an array of dtype {str(name)[:40]!r} doesn't hold plain numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        order: Any = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _Refused("an array of a structured dtype doesn't hold plain numbers")
        self.dtype = self.dtype.newbyteorder(order)


class _Name:
    """What a name in the pickle stands for. It has no attributes that the pickle could change."""

    __slots__ = ()


class _NdArray(_Name):
    """numpy.ndarray, which is only named, never called."""

    __slots__ = ()


class _Reconstruct(_Name):
    """numpy's `_reconstruct(ndarray, (0,), b"b")`: an empty array whose state follows."""

    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, code: Any) -> PickledArray:
        if not isinstance(kind, _NdArray):
            raise _Refused("an array of another class than numpy.ndarray")
        return PickledArray()


class _FromBuffer(_Name):
    """numpy's `_frombuffer(bytes, dtype, shape, order)` of protocol 5."""

    __slots__ = ()

    def __call__(self, content: Any, dtype: Any, shape: Any, order: Any) -> PickledArray:
        return PickledArray(_make_array(content, dtype, shape, order))


class _Scalar(_Name):
    """numpy's `scalar(dtype, bytes)`: a single number."""

    __slots__ = ()

    def __call__(self, dtype: Any, content: Any) -> PickledArray:
        return PickledArray(_make_array(content, dtype, (), "C"))


class _MakeDtype(_Name):
    """numpy's `dtype(name, align, copy)`."""

    __slots__ = ()

    def __call__(self, name: Any, align: Any = False, copy: Any = False) -> _Dtype:
        return _Dtype(name)


class _Encode(_Name):
    """`codecs.encode(text, "latin1")`, by which protocols 0 to 2 write bytes."""

    __slots__ = ()

    def __call__(self, text: Any, encoding: Any = "") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise _Refused("codecs.encode of something other than bytes")
        return text.encode("latin1")


class _Bytes(_Name):
    """`bytes()`, by which protocols 0 to 2 write empty bytes."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


_CORES = ("numpy.core", "numpy._core")
_NAMES: dict[tuple[str, str], _Name] = {
    ("numpy", "ndarray"): _NdArray(),
    ("numpy", "dtype"): _MakeDtype(),
    ("_codecs", "encode"): _Encode(),
    ("__builtin__", "bytes"): _Bytes(),
    **{(f"{core}.multiarray", "_reconstruct"): _Reconstruct() for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): _Scalar() for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _FromBuffer() for core in _CORES},
}


class _Unpickler(pickle.Unpickler):
    """Knows the names in `_NAMES`, and imports none."""

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module, name))
        if found is None:
            raise _Refused(f"it names {module[:60]}.{name[:60]}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("it refers to something outside the file")


def _make_array(content: Any, dtype: Any, shape: Any, order: Any) -> NDArray:
    """A read-only array from its bytes, if there are exactly as many as the shape needs."""
    if not isinstance(dtype, _Dtype):
        raise _Refused("an array without a dtype")
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(content, (bytes, bytearray)) or not isinstance(shape, tuple):
        raise _Refused("an array that isn't made of bytes")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"an array has shape {shape}")
    expected = math.prod(shape) * dtype.dtype.itemsize
    if expected != len(content):
        raise ValueError(f"an array of shape {shape} needs {expected} bytes and has {len(content)}")
    array = np.frombuffer(bytes(content), dtype.dtype).reshape(shape, order="F" if order == "F" else "C")
    return array.astype(dtype.dtype.newbyteorder("="), copy=False)


def _check_opcodes(content: bytes) -> None:
    """Look through the whole pickle, without building anything of it but single values.

    Raises:
        _Refused: for an opcode that isn't needed for plain values, or for too many of them.
        ValueError: if a length goes beyond the file's end, or anything follows the pickle's.
    """
    stream = io.BytesIO(content)
    for number, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if opcode.name not in _OPCODES:
            raise _Refused(f"it holds the opcode {opcode.name}")
        # The unpickler's memo is an array as long as the largest number.
        if number >= MAX_OPCODES or (opcode.name in _MEMO_OPCODES and not 0 <= int(argument or 0) <= MAX_OPCODES):
            raise _Refused(f"it has more than {MAX_OPCODES} parts")
    if stream.read(1):
        raise ValueError("bytes follow its end")
