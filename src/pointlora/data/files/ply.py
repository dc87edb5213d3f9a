"""PLY files: clouds and meshes, binary of both byte orders and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointlora.data.files.columns import attributes_by_name
from pointlora.data.files.content import Column, Content
from pointlora.data.files.features import FeatureChoice
from pointlora.data.files.limits import data_error
from pointlora.data.files.meshes import triangulate
from pointlora.data.files.names import find_axes
from pointlora.data.files.ply_data import read_elements
from pointlora.data.files.ply_elements import Lists, PlyElement
from pointlora.data.files.ply_header import PlyElementHeader, PlyHeader, check_ply_size, parse_ply_header
from pointlora.data.files.point_cloud import PointCloud, cloud_from_content

_FACE_LISTS = ("vertex_indices", "vertex_index")


def read_ply(path: Path) -> Content:
    """Read a PLY file: a mesh if it has faces, otherwise the points that its vertices are.

    Vertex properties: nx, ny, nz become "normals", red, green, blue of type uchar "colors", a whole-numbered label
    "labels"; all others keep their name, dtype and order. List properties of vertices are dropped.

    Raises:
        DataError: a header that contradicts the file, damaged data, no vertices with x, y and z.
    """
    _, elements = open_ply(path)
    vertices = scalar_columns(find_element(elements, "vertex"))
    names = list(vertices)
    axes = find_axes(names)
    assert axes is not None
    further = {name: _column(vertices[name]) for place, name in enumerate(names) if place not in axes}

    def coordinates() -> np.ndarray:
        return np.stack([vertices[names[place]] for place in axes], axis=1)

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        return attributes_by_name({name: column() for name, column in further.items()}, label)

    face = find_element(elements, "face")
    triangles = None
    if face.header.count:
        lists = next((face.columns[name] for name in _FACE_LISTS if name in face.header.lists), None)
        if not isinstance(lists, Lists):
            raise data_error(path, "its faces have no list vertex_indices", "export the mesh with polygon faces")
        triangles = triangulate(path, coordinates(), lists.lengths, lists.flat)
    return Content(coordinates, further, attributes, triangles)


def read_ply_vertices(path: Path, features: FeatureChoice | None = None) -> PointCloud:
    """Read the vertices of a PLY file with their properties as a cloud, whether they have faces or not.

    Raises:
        DataError: as `read_ply`.
    """
    return cloud_from_content(path, read_ply(path), features=features)


def open_ply(path: Path) -> tuple[PlyHeader, list[PlyElement]]:
    """The header of a PLY file with vertices, and all of its elements.

    Raises:
        DataError: a header that contradicts the file, damaged data, no vertices with x, y and z.
    """
    header = parse_ply_header(path)
    check_ply_size(path, header, path.stat().st_size)
    vertex = header.element("vertex")
    if vertex is None or find_axes([name for name in vertex.names if name not in vertex.lists]) is None:
        raise data_error(path, "has no element 'vertex' with properties x, y, z", "export the points as vertices")
    if vertex.count == 0:
        raise data_error(path, "the file holds no points", "choose a file with at least one point")
    return header, read_elements(path, header)


def find_element(elements: list[PlyElement], name: str) -> PlyElement:
    """The element of that name, one without rows if there is none."""
    found = next((element for element in elements if element.header.name == name), None)
    return found or PlyElement(PlyElementHeader(name, 0), {})


def scalar_columns(element: PlyElement) -> dict[str, np.ndarray]:
    """Properties of an element that are no lists, by name."""
    return {name: values for name, values in element.columns.items() if isinstance(values, np.ndarray)}


def _column(values: np.ndarray) -> Column:
    # A copy in native byte order, free of the file's records.
    return lambda: values.astype(values.dtype.newbyteorder("="))
