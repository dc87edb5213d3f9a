"""The rows of an element of a PLY file, with numbers and lists, and their bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.ply_header import PlyElementHeader


@dataclass(frozen=True)
class Lists:
    """R lists of numbers: how long each is, and all numbers one after another."""

    lengths: NDArray[np.int64]
    flat: np.ndarray


@dataclass(frozen=True)
class PlyElement:
    """An element's rows: a column (R,) a property, or `Lists`."""

    header: PlyElementHeader
    columns: dict[str, np.ndarray | Lists]


def no_rows(element: PlyElementHeader) -> dict[str, np.ndarray | Lists]:
    """Columns of an element without rows."""
    none = np.zeros(0, np.int64)
    return {
        part.name: Lists(none, np.zeros(0, part.kind)) if part.length_kind else np.zeros(0, part.kind)
        for part in element.properties
    }


def pack_element(element: PlyElement) -> bytes:
    """The rows of an element as little-endian bytes, with lengths and numbers of the types that its header says."""
    parts = [(part, element.columns[part.name]) for part in element.header.properties]
    ends = np.zeros(element.header.count, np.int64)
    placed = []
    for part, values in parts:
        kind = np.dtype(f"<{part.kind}")
        if isinstance(values, Lists):
            lengths = values.lengths.astype(f"<{part.length_kind}")
            ones = np.ones_like(ends)
            placed.append((ends.copy(), ones, lengths))
            ends += lengths.itemsize
            placed.append((ends.copy(), values.lengths, values.flat.astype(kind)))
            ends += values.lengths * kind.itemsize
        else:
            placed.append((ends.copy(), np.ones_like(ends), values.astype(kind)))
            ends += kind.itemsize
    starts = np.cumsum(ends) - ends
    packed = np.empty(int(ends.sum()), np.uint8)
    for within, counts, numbers in placed:
        _scatter(packed, starts + within, counts, numbers)
    return packed.tobytes()


def _scatter(packed: NDArray[np.uint8], starts: NDArray[np.int64], counts: NDArray[np.int64], flat: np.ndarray) -> None:
    """Put numbers where `_gather` would find them."""
    size = flat.dtype.itemsize
    before = np.cumsum(counts) - counts
    places = np.repeat(starts - before * size, counts) + np.arange(len(flat)) * size
    bytes_of = np.ascontiguousarray(flat).view(np.uint8).reshape(len(flat), size)
    for byte in range(size):
        packed[places + byte] = bytes_of[:, byte]
