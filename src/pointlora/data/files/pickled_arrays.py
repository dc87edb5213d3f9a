"""What the names in a pickle of NumPy arrays stand for: functions that check what they are given, and run nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Refused(Exception):
    """The pickle wants something that isn't an array or a plain value."""


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
            raise Refused(f"an array of dtype {str(name)[:40]!r} doesn't hold plain numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        order: Any = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise Refused("an array of a structured dtype doesn't hold plain numbers")
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
            raise Refused("an array of another class than numpy.ndarray")
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
            raise Refused("codecs.encode of something other than bytes")
        return text.encode("latin1")


class _Bytes(_Name):
    """`bytes()`, by which protocols 0 to 2 write empty bytes."""

    __slots__ = ()

    def __call__(self) -> bytes:
        return b""


_CORES = ("numpy.core", "numpy._core")
NAMES: dict[tuple[str, str], _Name] = {
    ("numpy", "ndarray"): _NdArray(),
    ("numpy", "dtype"): _MakeDtype(),
    ("_codecs", "encode"): _Encode(),
    ("__builtin__", "bytes"): _Bytes(),
    **{(f"{core}.multiarray", "_reconstruct"): _Reconstruct() for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): _Scalar() for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _FromBuffer() for core in _CORES},
}


def _make_array(content: Any, dtype: Any, shape: Any, order: Any) -> NDArray:
    """A read-only array from its bytes, if there are exactly as many as the shape needs."""
    if not isinstance(dtype, _Dtype):
        raise Refused("an array without a dtype")
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(content, (bytes, bytearray)) or not isinstance(shape, tuple):
        raise Refused("an array that isn't made of bytes")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"an array has shape {shape}")
    expected = math.prod(shape) * dtype.dtype.itemsize
    if expected != len(content):
        raise ValueError(f"an array of shape {shape} needs {expected} bytes and has {len(content)}")
    array = np.frombuffer(bytes(content), dtype.dtype).reshape(shape, order="F" if order == "F" else "C")
    return array.astype(dtype.dtype.newbyteorder("="), copy=False)
