"""The wire format of protocol buffers: which fields a message has, and where in the file each stands.

Every number in a file may lie, so nothing is read beyond the message that it is in.
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_WIDTHS = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10
_LARGEST_NUMBER = 2**29 - 1


class Damaged(ValueError):
    """Bytes that are no message."""


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: by which the message knows it.
        wire: `VARINT`, `FIXED64`, `BYTES` or `FIXED32`.
        value: of a varint; 0 for others.
        start, stop: where the bytes of any other lie in the file.
    """

    number: int
    wire: int
    value: int
    start: int
    stop: int


def read_fields(content: bytes, start: int, stop: int) -> Iterator[Field]:
    """The fields of the message in `content[start:stop]`, in their order.

    Raises:
        Damaged: where the bytes are none, or a field reaches beyond the message.
    """
    at = start
    while at < stop:
        tag, at = read_varint(content, at, stop)
        number, wire = tag >> 3, tag & 7
        if not 1 <= number <= _LARGEST_NUMBER:
            raise Damaged(f"field {number} at byte {at}")
        if wire == VARINT:
            value, at = read_varint(content, at, stop)
            yield Field(number, wire, value, at, at)
            continue
        if wire == BYTES:
            size, at = read_varint(content, at, stop)
        elif wire in _WIDTHS:
            size = _WIDTHS[wire]
        else:
            raise Damaged(f"wire type {wire} at byte {at}")
        if size > stop - at:
            raise Damaged(f"{size} bytes are announced at byte {at}, there are {stop - at}")
        yield Field(number, wire, 0, at, at + size)
        at += size


def read_varint(content: bytes, at: int, stop: int) -> tuple[int, int]:
    """The number that begins at a byte, and the byte behind it.

    Raises:
        Damaged: if it has no end before `stop`, or more than 64 bits.
    """
    value = shift = 0
    for place in range(at, min(stop, at + _LONGEST_VARINT)):
        byte = content[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, place + 1
        shift += 7
    raise Damaged(f"no number at byte {at}")


def read_varints(content: bytes, start: int, stop: int) -> Iterator[int]:
    """The numbers of a packed field."""
    at = start
    while at < stop:
        value, at = read_varint(content, at, stop)
        yield value
