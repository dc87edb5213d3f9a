"""The header of a PLY file, read on its own so that its counts can be checked before anything is allocated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pointlora.data.files.limits import check_declared, check_rest, damaged

_MAX_HEADER_BYTES = 1 << 20
_FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}


@dataclass(frozen=True)
class PlyProperty:
    """A property: its name, the code of its numbers (`f4`) and, for a list, that of its length."""

    name: str
    kind: str
    length_kind: str | None = None


@dataclass
class PlyElementHeader:
    """An element: name, number of rows and properties."""

    name: str
    count: int
    properties: list[PlyProperty] = field(default_factory=list)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, of an empty list its length alone."""
        return sum(np.dtype(part.length_kind or part.kind).itemsize for part in self.properties)

    @property
    def names(self) -> list[str]:
        """Names of all properties."""
        return [part.name for part in self.properties]

    @property
    def lists(self) -> list[str]:
        """Names of the properties that are lists."""
        return [part.name for part in self.properties if part.length_kind is not None]


@dataclass
class PlyHeader:
    """Format word, elements in order, the byte where the data start, comments, and the header's number of lines."""

    format: str
    elements: list[PlyElementHeader]
    data_start: int
    comments: list[str] = field(default_factory=list)
    obj_info: list[str] = field(default_factory=list)
    num_lines: int = 0

    def element(self, name: str) -> PlyElementHeader | None:
        """Return the element of that name, None if there is none."""
        return next((element for element in self.elements if element.name == name), None)

    @property
    def order(self) -> str:
        """Byte order as numpy writes it."""
        return ">" if self.format == "binary_big_endian" else "<"


def parse_ply_header(path: Path) -> PlyHeader:
    """Read the header; names and comments may hold any bytes, lines may end in spaces and differently.

    Raises:
        DataError: no PLY file, no end_header, a line that makes no sense, an element without properties.
    """
    with open(path, "rb") as file:
        head = file.read(_MAX_HEADER_BYTES)
    first = re.match(rb"ply[ \t]*(\r\n|\n|\r)", head)
    if first is None:
        raise damaged(path, "does not start with a line 'ply'")
    # After a lone CR binary data may start with the byte of LF, so there only the CR ends the header.
    end = re.search(rb"\rend_header[ \t]*\r" if first[1] == b"\r" else rb"\nend_header[ \t]*\r?\n", head)
    if end is None:
        raise damaged(path, "the PLY header has no line end_header")
    lines = _decode(head[first.end() : end.start()]).splitlines()
    header = PlyHeader("", [], end.end(), num_lines=len(lines) + 2)
    for line in lines:
        try:
            _parse_line(header, line)
        except (IndexError, KeyError, ValueError) as error:
            raise damaged(path, f"PLY header line {line[:60]!r} makes no sense") from error
    for element in header.elements:
        if not element.properties:
            raise damaged(path, f"element {element.name!r} has no properties")
        if len(set(element.names)) != len(element.names):
            raise damaged(path, f"element {element.name!r} has two properties of one name")
    if header.format not in _FORMATS:
        raise damaged(path, f"the PLY header has format {header.format[:40]!r}, known are {' '.join(_FORMATS)}")
    return header


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _parse_line(header: PlyHeader, line: str) -> None:
    line = line.strip()
    keyword = line.split(maxsplit=1)[0] if line else ""
    rest = line[len(keyword) + 1 :]
    words = rest.split()
    if keyword == "format":
        header.format = words[0]
    elif keyword == "element":
        header.elements.append(PlyElementHeader(words[0], int(words[1])))
    elif keyword == "property" and words[0] == "list":
        length_kind = _TYPES[words[1]]
        if length_kind[0] == "f":
            raise ValueError("the length of a list isn't a whole number")
        header.elements[-1].properties.append(PlyProperty(words[3], _TYPES[words[2]], length_kind))
    elif keyword == "property":
        header.elements[-1].properties.append(PlyProperty(words[1], _TYPES[words[0]]))
    elif keyword == "comment":
        header.comments.append(rest)
    elif keyword == "obj_info":
        header.obj_info.append(rest)
    elif keyword:
        raise ValueError(keyword)


def check_ply_size(path: Path, header: PlyHeader, size: int) -> None:
    """Compare the declared rows with the bytes of the file.

    Binary elements without lists must fill the file exactly; with lists they must at least fit with all lists empty.
    Text must have at least the bytes of its rows.

    Raises:
        DataError: the file is shorter, or longer, than its header says.
    """
    text = header.format == "ascii"
    available = size - header.data_start
    needed = 0
    for element in header.elements:
        row_bytes = 2 * len(element.names) if text else element.row_bytes
        check_declared(path, f"rows of {element.name!r}", element.count, row_bytes, available + 1 - needed)
        needed += element.count * row_bytes
    if needed > available + text:
        raise damaged(path, f"the header declares at least {needed} bytes of data, the file has {available}")
    if not text and not any(element.lists for element in header.elements):
        with open(path, "rb") as file:
            file.seek(header.data_start + needed)
            check_rest(path, available - needed, file.read(8192))
