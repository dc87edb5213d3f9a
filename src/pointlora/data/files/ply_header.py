"""The header of a PLY file, read on its own so that its counts can be checked before plyfile allocates."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pointlora.data.files.limits import check_declared, check_rest, damaged

_MAX_HEADER_BYTES = 1 << 20
_SIZES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "float", "int32", "uint32", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}


@dataclass
class PlyElementHeader:
    """An element: name, number of rows, bytes of a row (of an empty list its count), and its properties' names."""

    name: str
    count: int
    row_bytes: int = 0
    names: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)


@dataclass
class PlyHeader:
    """Format word, elements in order, and the byte where the data start."""

    format: str
    elements: list[PlyElementHeader]
    data_start: int

    def element(self, name: str) -> PlyElementHeader | None:
        """Return the element of that name, None if there is none."""
        return next((element for element in self.elements if element.name == name), None)


def parse_ply_header(path: Path) -> PlyHeader:
    """Read the header.

    Raises:
        DataError: no PLY file, no end_header, a line that makes no sense, an element without properties.
    """
    with open(path, "rb") as file:
        head = file.read(_MAX_HEADER_BYTES)
    line_end = b"\r\n" if head[3:5] == b"\r\n" else head[3:4]
    if head[:3] != b"ply" or line_end not in (b"\n", b"\r", b"\r\n"):
        raise damaged(path, "does not start with a line 'ply'")
    mark = line_end + b"end_header" + line_end
    end = head.find(mark)
    if end < 0:
        raise damaged(path, "the PLY header has no line end_header")
    lines = head[len(b"ply" + line_end) : end].decode("ascii", errors="replace").split(line_end.decode("ascii"))
    header = PlyHeader("", [], end + len(mark))
    for line in lines:
        words = line.split()
        try:
            _parse_line(header, words)
        except (IndexError, KeyError, ValueError) as error:
            raise damaged(path, f"PLY header line {line[:60]!r} makes no sense") from error
    for element in header.elements:
        if element.row_bytes == 0:
            raise damaged(path, f"element {element.name!r} has no properties")
    return header


def _parse_line(header: PlyHeader, words: list[str]) -> None:
    if words[:1] == ["format"]:
        header.format = words[1]
    elif words[:1] == ["element"]:
        header.elements.append(PlyElementHeader(words[1], int(words[2])))
    elif words[:1] == ["property"]:
        element, is_list = header.elements[-1], words[1] == "list"
        element.names.append(words[4 if is_list else 2])
        element.row_bytes += _SIZES[words[2 if is_list else 1]]
        if is_list:
            element.lists.append(words[4])


def check_ply_size(path: Path, header: PlyHeader, size: int) -> None:
    """Compare the declared rows with the bytes of the file.

    Binary elements without lists must fill the file exactly; with lists they must at least fit with all lists empty.
    Text must have one line a row.

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
    with open(path, "rb") as file:
        if text:
            file.seek(header.data_start)
            rows, lines = sum(element.count for element in header.elements), len(file.read().rstrip().splitlines())
            if rows != lines:
                raise damaged(path, f"the header declares {rows} rows of data, {lines} lines follow")
        elif not any(element.lists for element in header.elements):
            file.seek(header.data_start + needed)
            check_rest(path, available - needed, file.read(8192))
