"""The pickles in torch's weight files, read without importing or calling anything that they name.

Beside its tensors a file may hold anything: metric objects, settings, a whole trainer. A pickle is a program that names
such classes and calls them. Here a name stands for one of the few functions below, by which torch writes a tensor, or
for `Skipped`, which takes whatever is done to it and does nothing.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import IO, Any, NamedTuple

import torch
from torch import Tensor

from pointlora.data.files.opcodes import PLAIN, check_opcodes
from pointlora.data.files.pickled_arrays import Refused

_OPCODES = PLAIN | {"BINPERSID", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "EMPTY_SET", "ADDITEMS", "FROZENSET", "DUP"}


class Skipped:
    """What a strange class, a strange function, their objects and their results are: nothing, whatever is done."""

    __slots__ = ()

    def __new__(cls, *arguments: Any, **named: Any) -> Skipped:
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __call__(self, *arguments: Any, **named: Any) -> Skipped:
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Nothing is kept."""

    extend = add = append


class _Mapping(dict[Any, Any]):
    """OrderedDict; its attributes (`_metadata`) aren't kept."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        pass


class _Kind(NamedTuple):
    """A torch type: of numbers, or of a storage of such numbers."""

    dtype: torch.dtype


class _Stored:
    """A tensor, or a storage, on its way out of the file."""

    __slots__ = ("dtype", "key", "length", "offset", "size", "stride")

    def __init__(self, key: str, dtype: torch.dtype, length: int) -> None:
        self.key, self.dtype, self.length = key, dtype, length
        self.offset, self.size, self.stride = 0, (length,), (1,)

    def __setstate__(self, state: Any) -> None:
        raise Refused("it sets the state of a tensor")

    def part(self, offset: Any, size: Any, stride: Any, dtype: torch.dtype) -> _Stored:
        """The tensor of that place in this storage."""
        numbers = (offset, *size, *stride)
        if len(size) != len(stride) or not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError(f"a tensor of size {size} and stride {stride}")
        tensor = _Stored(self.key, dtype, self.length * self.dtype.itemsize // dtype.itemsize)
        tensor.offset, tensor.size, tensor.stride = offset, tuple(size), tuple(stride)
        return tensor


class _Function:
    """What a name stands for that is called. It has no attributes that the pickle could change."""

    __slots__ = ()


class _Rebuild(_Function):
    """torch's `_rebuild_tensor_v2(storage, offset, size, stride, …)`, and the older one without more arguments."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *others: Any) -> Any:
        return storage.part(offset, size, stride, storage.dtype) if isinstance(storage, _Stored) else Skipped()


class _RebuildTyped(_Function):
    """`_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, …)` on untyped storage."""

    __slots__ = ()

    def __call__(
        self, storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, kind: Any, *others: Any
    ) -> Any:
        known = isinstance(storage, _Stored) and isinstance(kind, _Kind)
        return storage.part(offset, size, stride, kind.dtype) if known else Skipped()


class _RebuildParameter(_Function):
    """`_rebuild_parameter(tensor, requires_grad, hooks)`."""

    __slots__ = ()

    def __call__(self, data: Any, *others: Any) -> Any:
        return data


_STORAGES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Mapping,
    ("torch._utils", "_rebuild_tensor"): _Rebuild(),
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
    ("torch._utils", "_rebuild_tensor_v3"): _RebuildTyped(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    ("torch._utils", "_rebuild_parameter_with_state"): _RebuildParameter(),
    ("torch.storage", "UntypedStorage"): _Kind(torch.uint8),
    **{("torch", f"{name}Storage"): _Kind(dtype) for name, dtype in _STORAGES.items()},
    **{("torch", str(dtype).removeprefix("torch.")): _Kind(dtype) for dtype in _STORAGES.values()},
}


class SkippingUnpickler(pickle.Unpickler):
    """Knows the names above, and imports none; attributes as in `Pickle`."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, encoding="utf-8", errors="replace")
        self.skipped: list[str] = []
        self.widths: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module, name))
        if found is None:
            self.skipped.append(f"{module}.{name}"[:80])
            return Skipped
        return found

    def persistent_load(self, pid: Any) -> Any:
        # ("storage", kind, key, device, numbers) and, in old files, what the storage is a view of.
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            return Skipped()
        kind, key, length = pid[1], pid[2], pid[4]
        if not (isinstance(kind, _Kind) and isinstance(key, str) and type(length) is int and length >= 0):
            return Skipped()
        if pid[5:] not in ((), (None,)):
            raise Refused("it holds a storage that is a view of another")
        self.widths[key] = kind.dtype.itemsize
        return _Stored(key, kind.dtype, length)


class Pickle(NamedTuple):
    """What a pickle holds.

    Attributes:
        content: with `Skipped` in place of what is strange.
        skipped: dotted names of that, in the order of the file.
        widths: bytes of a number in each storage, by the storage's key.
    """

    content: Any
    skipped: list[str]
    widths: dict[str, int]


def load_pickle(stream: IO[bytes]) -> Pickle:
    """Read one pickle of a seekable stream.

    Raises:
        Refused: for an opcode that isn't needed, or a try to change what names stand for.
    """
    begin = stream.tell()
    check_opcodes(stream, _OPCODES)
    stream.seek(begin)
    unpickler = SkippingUnpickler(stream)
    return Pickle(unpickler.load(), unpickler.skipped, unpickler.widths)


def find_tensors(content: Any, read: Callable[[str, int], bytearray]) -> Any:
    """The content with tensors in place of what stands for them, in a dict and in the dicts in it, no deeper.

    Args:
        content: from `load_pickle`.
        read: the bytes of a storage, from its key and their number.
    """
    storages: dict[str, Tensor] = {}

    def tensor(value: Any) -> Any:
        return _tensor(value, storages, read) if isinstance(value, _Stored) else value

    if not isinstance(content, dict):
        return content
    return {
        name: {key: tensor(inner) for key, inner in value.items()} if isinstance(value, dict) else tensor(value)
        for name, value in content.items()
    }


def _tensor(stored: _Stored, storages: dict[str, Tensor], read: Callable[[str, int], bytearray]) -> Tensor:
    width = stored.dtype.itemsize
    if stored.key not in storages:
        content = read(stored.key, stored.length * width)
        empty = torch.empty(0, dtype=torch.uint8)
        storages[stored.key] = torch.frombuffer(content, dtype=torch.uint8) if content else empty
    numbers = storages[stored.key]
    numbers = numbers[: len(numbers) // width * width].view(stored.dtype)
    last = stored.offset + sum((size - 1) * stride for size, stride in zip(stored.size, stored.stride, strict=True))
    if math.prod(stored.size) == 0:
        return torch.empty(stored.size, dtype=stored.dtype)
    if last >= len(numbers):
        raise ValueError(f"a tensor of size {stored.size} goes beyond its storage of {len(numbers)} numbers")
    return numbers.as_strided(stored.size, stored.stride, stored.offset)
