"""PLY files, read by plyfile after a check of their header."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.data.files.limits import check_rest, damaged, data_error, one_line, optional_module
from pointlora.data.files.meshes import cloud_from_mesh, fan_triangles
from pointlora.data.files.ply_header import PlyHeader, check_ply_size, parse_ply_header
from pointlora.data.files.point_cloud import PointCloud, as_labels, build_cloud

_FACE_LISTS = ("vertex_indices", "vertex_index")
_NORMALS = ("nx", "ny", "nz")
_COLORS = ("red", "green", "blue")


def read_ply(path: Path, num_samples: int | None = None, seed: int = 0) -> PointCloud:
    """Read a PLY file: a mesh, sampled by area, if it has faces, otherwise its vertices.

    Vertex properties of a cloud: nx, ny, nz become "normals", red, green, blue of type uchar "colors", a whole-numbered
    label "labels"; all others keep their name, dtype and order. List properties of vertices are dropped.

    Raises:
        DataError: plyfile is missing, a header that contradicts the file, damaged data, NaN coordinates.
    """
    header, data = open_ply(path)
    vertices = data["vertex"].data
    face = header.element("face")
    if face is not None and face.count > 0:
        name = next((name for name in _FACE_LISTS if name in face.lists), None)
        if name is None:
            raise data_error(path, "its faces have no list vertex_indices", "export the mesh with polygon faces")
        triangles = fan_triangles(path, data["face"].data[name])
        return cloud_from_mesh(path, _coordinates(vertices), triangles, num_samples, seed)
    return build_cloud(path, _coordinates(vertices), _attributes(vertices, scalar_names(header)))


def read_ply_vertices(path: Path) -> PointCloud:
    """Read the vertices of a PLY file with their properties as `read_ply` does, whether they have faces or not.

    Raises:
        DataError: as `read_ply`.
    """
    header, data = open_ply(path)
    vertices = data["vertex"].data
    return build_cloud(path, _coordinates(vertices), _attributes(vertices, scalar_names(header)))


def open_ply(path: Path) -> tuple[PlyHeader, Any]:
    """The header of a PLY file with vertices, and its content as plyfile gives it, mapped into memory where possible.

    Raises:
        DataError: plyfile is missing, a header that contradicts the file, damaged data.
    """
    header = parse_ply_header(path)
    check_ply_size(path, header, path.stat().st_size)
    vertex = header.element("vertex")
    if vertex is None or not {"x", "y", "z"} <= set(vertex.names) - set(vertex.lists):
        raise data_error(path, "has no element 'vertex' with properties x, y, z", "export the points as vertices")
    if vertex.count == 0:
        raise data_error(path, "the file holds no points", "choose a file with at least one point")
    return header, _parse(path, header)


def scalar_names(header: PlyHeader) -> list[str]:
    """Properties of the vertices that are no lists."""
    vertex = header.element("vertex")
    return [] if vertex is None else [name for name in vertex.names if name not in vertex.lists]


def _coordinates(vertices: np.ndarray) -> np.ndarray:
    return np.stack([vertices[axis] for axis in "xyz"], axis=1)


class _BoundedReader(io.BufferedReader):
    """A file that refuses to read a negative or impossible number of bytes, as a damaged list length asks for."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "rb"))
        self._file_bytes = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self._file_bytes:
            raise EOFError(f"a list asks for {size} bytes")
        return super().read(size)


def _parse(path: Path, header: PlyHeader) -> Any:
    plyfile = optional_module(path, "plyfile")
    face = header.element("face")
    hints: list[dict[str, dict[str, int]]] = [{}]
    if face is not None and face.count and len(face.lists) == 1 and header.format != "ascii":
        # Told that all faces are triangles, plyfile reads them in one go; it says so if they are not.
        hints.insert(0, {"face": {face.lists[0]: 3}})
    for hint in hints:
        try:
            # On an empty list in a text file numpy warns; the list is refused later, in one line.
            with _BoundedReader(path) as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = plyfile.PlyData.read(file, known_list_len=hint)
            break
        except Exception as error:
            if hint is hints[-1]:
                raise damaged(path, f"plyfile cannot read it ({one_line(error)})") from error
    if header.format != "ascii":
        _check_consumed(path, header, data)
    return data


def _check_consumed(path: Path, header: PlyHeader, data: Any) -> None:
    """Raise DataError if bytes are left: only the parsed lists tell how long the data are."""
    end = header.data_start
    for element in header.elements:
        end += element.count * element.row_bytes
        for name in element.lists:
            values = data[element.name].data[name]
            itemsize = np.dtype(data[element.name].ply_property(name).val_dtype).itemsize
            end += itemsize * (values.size if values.dtype != object else sum(len(row) for row in values))
    rest = path.stat().st_size - end
    with open(path, "rb") as file:
        file.seek(end)
        check_rest(path, rest, file.read(8192))


def _attributes(vertices: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """Sort the vertex properties into attributes, in the order of the file."""
    attributes: dict[str, np.ndarray] = {}
    has_normals = set(_NORMALS) <= set(names)
    has_colors = set(_COLORS) <= set(names) and all(vertices[name].dtype == np.uint8 for name in _COLORS)
    for name in names:
        values = vertices[name]
        if name in ("x", "y", "z"):
            continue
        if name in _NORMALS and has_normals:
            normals = [vertices[part].astype(np.float32) for part in _NORMALS]
            attributes.setdefault("normals", np.stack(normals, axis=1))
        elif name in _COLORS and has_colors:
            attributes.setdefault("colors", np.stack([vertices[part] for part in _COLORS], axis=1))
        elif name == "label" and (labels := as_labels(values)) is not None:
            attributes["labels"] = labels
        else:
            # A copy in native byte order, free of the memory-mapped file.
            attributes[name] = values.astype(values.dtype.newbyteorder("="))
    return attributes
