"""What a glTF file declares, checked before a parser allocates by it, and stripped of what has no geometry."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pointlora.data.files.limits import MAX_POINTS, check_declared, damaged, data_error

_MAGIC, _JSON, _BINARY = 0x46546C67, 0x4E4F534A, 0x004E4942
_ITEM_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_ITEMS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
# Pictures can be bombs of their own, and nothing here looks at them.
_KEPT = ("asset", "scene", "scenes", "nodes", "meshes", "accessors", "bufferViews", "buffers")
_MAX_NODES = 100_000
_MAX_DEPTH = 500
_EXPORT = "export it again without it"
Tree = dict[str, Any]


def read_glb(path: Path) -> tuple[Tree, list[bytes]]:
    """The JSON tree and the binary chunk of a .glb file (glTF 2.0, chapter 4).

    Raises:
        DataError: not GLB 2, or chunks that don't fit the file.
    """
    raw = path.read_bytes()
    if len(raw) < 20 or struct.unpack_from("<II", raw) != (_MAGIC, 2):
        raise damaged(path, "does not start with the header of GLB version 2")
    (length,) = struct.unpack_from("<I", raw, 8)
    if length > len(raw):
        raise damaged(path, f"the header declares {length} bytes, the file has {len(raw)}")
    chunks, position = [], 12
    while position + 8 <= length:
        size, kind = struct.unpack_from("<II", raw, position)
        if position + 8 + size > length:
            raise damaged(path, f"a chunk reaches to byte {position + 8 + size}, the file ends at {length}")
        chunks.append((kind, raw[position + 8 : position + 8 + size]))
        position += 8 + size
    if not chunks or chunks[0][0] != _JSON:
        raise damaged(path, "its first chunk isn't JSON")
    binary = [data for kind, data in chunks[1:] if kind == _BINARY]
    return _parse_tree(path, chunks[0][1]), binary[:1]


def read_gltf(path: Path) -> Tree:
    """The JSON tree of a .gltf file.

    Raises:
        DataError: not JSON.
    """
    return _parse_tree(path, path.read_bytes())


def check_tree(path: Path, tree: Tree, binary: list[bytes]) -> tuple[Tree, list[bytes]]:
    """Check everything that a parser allocates or walks by, and load the buffers.

    Args:
        path: the file.
        tree: its JSON.
        binary: the binary chunk, if it has one.

    Returns:
        the tree with geometry alone, whose buffers have no addresses, and the bytes of each buffer.

    Raises:
        DataError: a compressed mesh, sizes beyond the buffers, nodes that are no tree, buffers outside the folder.
    """
    required = tree.get("extensionsRequired", [])
    packed = [name for name in required if "draco" in str(name).lower() or "meshopt" in str(name).lower()]
    if packed:
        raise data_error(path, f"is compressed by {str(packed[0])[:60]}", _EXPORT)
    kept: Tree = {name: tree[name] for name in _KEPT if name in tree}
    buffers = _load_buffers(path, kept.get("buffers", []), binary)
    kept["buffers"] = [{"byteLength": len(buffer)} for buffer in buffers]
    _check_views(path, kept.get("bufferViews", []), buffers)
    _check_accessors(path, kept.get("accessors", []), kept.get("bufferViews", []))
    for mesh in kept.get("meshes", []):
        for primitive in mesh["primitives"]:
            primitive.pop("material", None)
            primitive.pop("targets", None)
            primitive["attributes"] = {"POSITION": primitive["attributes"]["POSITION"]}
    _check_nodes(path, kept)
    return kept, buffers


def _parse_tree(path: Path, text: bytes) -> Tree:
    try:
        tree = json.loads(text.rstrip(b"\0 ").decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, "its JSON can't be read") from error
    if not isinstance(tree, dict) or "asset" not in tree:
        raise damaged(path, "its JSON isn't glTF")
    if str(tree["asset"].get("version", "")).split(".")[0] != "2":
        raise data_error(path, f"is glTF {str(tree['asset'].get('version'))[:20]}", "export it as glTF 2.0")
    return tree


def _load_buffers(path: Path, buffers: list[Mapping[str, Any]], binary: list[bytes]) -> list[bytes]:
    loaded = []
    for number, buffer in enumerate(buffers):
        uri, size = buffer.get("uri"), int(buffer["byteLength"])
        if uri is None:
            if number or not binary:
                raise damaged(path, f"buffer {number} has no data")
            data = binary[0]
        elif uri.startswith("data:"):
            data = base64.b64decode(uri.partition(",")[2], validate=True)
        else:
            data = _read_beside(path, uri, size)
        check_declared(path, f"bytes of buffer {number}", size, 1, len(data))
        loaded.append(data[:size])
    return loaded


def _read_beside(path: Path, uri: str, size: int) -> bytes:
    """Bytes of a buffer in a file of its own, which must lie in the folder of the .gltf or below."""
    folder = path.parent.resolve()
    name = unquote(uri)
    place = (folder / name).resolve()
    if ":" in name or "\\" in name or not place.is_relative_to(folder):
        raise data_error(path, f"refers to {uri[:80]!r}, outside its folder", "put its buffers beside it")
    if not place.is_file():
        raise data_error(path, f"its buffer {uri[:80]!r} is missing", "copy it beside the file")
    check_declared(path, f"bytes of buffer {uri[:80]!r}", size, 1, place.stat().st_size)
    with open(place, "rb") as file:
        return file.read(size)


def _check_views(path: Path, views: list[Mapping[str, Any]], buffers: list[bytes]) -> None:
    for number, view in enumerate(views):
        start, size, buffer = int(view.get("byteOffset", 0)), int(view["byteLength"]), int(view["buffer"])
        if start < 0 or size < 0 or not 0 <= buffer < len(buffers) or start + size > len(buffers[buffer]):
            raise damaged(path, f"bufferView {number} reaches beyond its buffer")
        if not 0 <= int(view.get("byteStride", 4)) <= 252:
            raise damaged(path, f"bufferView {number} has a stride of {view['byteStride']} bytes")


def _check_accessors(path: Path, accessors: list[Mapping[str, Any]], views: list[Mapping[str, Any]]) -> None:
    for number, accessor in enumerate(accessors):
        item = _ITEM_BYTES[accessor["componentType"]] * _ITEMS[accessor["type"]]
        count, start = int(accessor["count"]), int(accessor.get("byteOffset", 0))
        if "sparse" in accessor or "bufferView" not in accessor:
            raise data_error(path, f"accessor {number} is sparse", "export it again without sparse accessors")
        place = int(accessor["bufferView"])
        if not 0 <= place < len(views) or start < 0:
            raise damaged(path, f"accessor {number} has no data")
        view = views[place]
        stride = int(view.get("byteStride", 0)) or item
        if count > 0 and start + (count - 1) * stride + item > int(view["byteLength"]):
            count_bytes = f"{count} items of {item} bytes"
            raise damaged(path, f"accessor {number} declares {count_bytes}, its bufferView has {view['byteLength']}")
        check_declared(path, f"items of accessor {number}", count, 1, MAX_POINTS)


def _check_nodes(path: Path, tree: Tree) -> None:
    """The nodes must be trees, and the meshes placed by them no more than can be read."""
    nodes, meshes, accessors = (tree.get(name, []) for name in ("nodes", "meshes", "accessors"))
    check_declared(path, "nodes", len(nodes), 1, _MAX_NODES)
    parent = [-1] * len(nodes)
    total = 0
    for number, node in enumerate(nodes):
        for child in node.get("children", []):
            if not 0 <= child < len(nodes) or parent[child] >= 0 or child == number:
                raise damaged(path, f"node {number} has a child {child} that isn't a node or has two parents")
            parent[child] = number
        if "matrix" in node and not all(math.isfinite(value) for value in node["matrix"]):
            raise damaged(path, f"node {number} has a matrix that isn't finite")
        if "mesh" in node:
            for primitive in meshes[node["mesh"]]["primitives"]:
                total += int(accessors[primitive["attributes"]["POSITION"]]["count"])
    check_declared(path, "placed vertices", total, 1, MAX_POINTS)
    for number in range(len(nodes)):
        depth, above = 0, number
        while parent[above] >= 0:
            depth, above = depth + 1, parent[above]
            if depth > _MAX_DEPTH:
                raise damaged(path, f"node {number} lies more than {_MAX_DEPTH} nodes deep, or in a circle")
