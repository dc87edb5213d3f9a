"""GLB and glTF scenes, read by trimesh after a check of what they declare; instances are placed where they stand."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.data.files.content import Content
from pointlora.data.files.gltf_json import Tree, check_tree, read_glb, read_gltf
from pointlora.data.files.limits import damaged, data_error, one_line, optional_module
from pointlora.errors import DataError


def read_gltf_scene(path: Path) -> Content:
    """Read all meshes of a .glb or .gltf file as one, or its points if it has no faces. A note says if it has both.

    Materials, pictures, animations and the like are passed over. Buffers of a .gltf may lie in its folder.

    Raises:
        DataError: trimesh is missing, the file is damaged, compressed (Draco), refers to files outside its folder, or
            has no geometry.
    """
    try:
        tree, binary = (read_gltf(path), []) if path.suffix.lower() == ".gltf" else read_glb(path)
        tree, buffers = check_tree(path, tree, binary)
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise damaged(path, f"its JSON declares no valid glTF ({one_line(error)})") from error
    trimesh = optional_module(path, "trimesh")
    try:
        # What overflows is refused later, as infinite.
        with np.errstate(all="ignore"):
            scene = trimesh.load_scene(io.BytesIO(_as_glb(tree, buffers)), file_type="glb", process=False)
            meshes, clouds = _placed(trimesh, scene)
    except Exception as error:
        raise damaged(path, f"trimesh cannot read it ({one_line(error)})") from error
    if meshes:
        starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
        vertices = np.concatenate([vertices for vertices, _ in meshes])
        triangles = np.concatenate([faces + start for (_, faces), start in zip(meshes, starts, strict=False)])
        number = sum(map(len, clouds))
        notes = (f"{path}: its {number} points beside the meshes are passed over",) if number else ()
        return Content(lambda: vertices, triangles=triangles, notes=notes)
    if not clouds:
        raise data_error(path, "has no meshes and no points in its scene", "export the object itself")
    points = np.concatenate(clouds)
    return Content(lambda: points)


def _as_glb(tree: Tree, buffers: list[bytes]) -> bytes:
    """The checked tree as a GLB with one buffer, so that trimesh opens no file."""
    starts = np.cumsum([0, *(len(buffer) + -len(buffer) % 4 for buffer in buffers)]).tolist()
    views = [
        {**view, "buffer": 0, "byteOffset": view.get("byteOffset", 0) + starts[view["buffer"]]}
        for view in tree.get("bufferViews", [])
    ]
    data = b"".join(buffer.ljust(len(buffer) + -len(buffer) % 4, b"\0") for buffer in buffers)
    text = json.dumps({**tree, "bufferViews": views, "buffers": [{"byteLength": len(data)}]}).encode()
    text = text.ljust(len(text) + -len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(data), 0x004E4942) + data
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks


def _placed(trimesh: Any, scene: Any) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    """Vertices and triangles of each mesh, and the points of each cloud, in the coordinates of the scene."""
    meshes, clouds = [], []
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        geometry = scene.geometry[name]
        placed = np.asarray(geometry.vertices, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            meshes.append((placed, np.asarray(geometry.faces, np.int64)))
        elif isinstance(geometry, trimesh.PointCloud):
            clouds.append(placed)
    return meshes, clouds
