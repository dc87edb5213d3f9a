"""torch's weight files with whatever stands beside the weights: the two containers that torch.save writes."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

from pointlora.data.files.pickled_arrays import Refused
from pointlora.models.skipping_pickle import find_tensors, load_pickle

# Numbers at the beginning of a file as torch wrote it before version 1.6, and with an option since.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def read_skipping(path: Path) -> tuple[Any, list[str]]:
    """What a file of torch.save holds; tensors are read, strange objects are skipped and never imported or called.

    Returns:
        the content, with tensors in a dict and in the dicts in it, and the names of what was skipped.

    Raises:
        Refused: if the file wants more than that.
        Exception: of many kinds, if it is damaged.
    """
    with open(path, "rb") as file:
        return _read_zip(file) if zipfile.is_zipfile(file) else _read_old(file)


def _read_zip(file: IO[bytes]) -> tuple[Any, list[str]]:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        root = next((name.removesuffix("data.pkl") for name in names if name.split("/")[1:] == ["data.pkl"]), None)
        if root is None:
            raise ValueError("a zip archive without data.pkl")
        if f"{root}constants.pkl" in names:
            raise Refused("it is a TorchScript program")
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            raise Refused("it was written on a machine of another byte order")

        def read(key: str, size: int) -> bytearray:
            record = archive.getinfo(f"{root}data/{key}")
            if record.compress_type != zipfile.ZIP_STORED or record.file_size < size:
                raise ValueError(f"the record {key[:40]} has {record.file_size} bytes, not {size}")
            content = bytearray(size)
            with archive.open(record) as stream:
                if stream.readinto(content) != size:  # type: ignore[attr-defined]
                    raise ValueError(f"the record {key[:40]} is cut off")
            return content

        with archive.open(f"{root}data.pkl") as stream:
            found = load_pickle(stream)
        return find_tensors(found.content, read), found.skipped


def _read_old(file: IO[bytes]) -> tuple[Any, list[str]]:
    """Pickles one after another: two numbers, the machine, the content, keys of storages; then the storages."""
    file.seek(0)
    for expected in (_MAGIC, _PROTOCOL):
        if load_pickle(file).content != expected:
            raise Refused("it is a plain pickle, which torch.save doesn't write")
    load_pickle(file)
    found, keys = load_pickle(file), load_pickle(file).content
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        places[key] = file.tell(), count * found.widths[key]
        file.seek(places[key][1], os.SEEK_CUR)

    def read(key: str, size: int) -> bytearray:
        begin, length = places[key]
        file.seek(begin)
        content = bytearray(file.read(min(size, length)))
        if len(content) != size:
            raise ValueError(f"the storage {key[:40]} has {len(content)} bytes, not {size}")
        return content

    return find_tensors(found.content, read), found.skipped
