"""Small files of every format that `pointlora.data.files` reads, most of them written byte by byte."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# Exact in float32 and in a few decimal digits, so that every format can hold them.
POINTS = np.array(
    [[0.5, -1.25, 2.0], [3.0, 4.5, -6.75], [1.0, 0.25, 8.5], [-2.5, 7.0, 0.125], [9.0, -3.5, 5.0]], dtype=np.float32
)
NORMALS = np.array([[1, 0, 0], [0, -1, 0], [0, 0, 1], [0.6, 0.8, 0], [0, 0.6, -0.8]], dtype=np.float32)
COLORS = np.array([[255, 0, 1], [2, 3, 4], [9, 128, 7], [0, 0, 0], [17, 34, 51]], dtype=np.uint8)
LABELS = np.array([3, 0, 2, 2, 7], dtype=np.int64)

# A 2 x 2 square in the plane z = 1 cut into two triangles, and a triangle of area 6 in the plane x = 5.
VERTICES = np.array([[0, 0, 1], [2, 0, 1], [2, 2, 1], [0, 2, 1], [5, 0, 0], [5, 4, 0], [5, 0, 3]], dtype=np.float32)
TRIANGLES = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6]])


def rows(values: np.ndarray, separator: str = " ") -> str:
    """Return a table as text, one line a row."""
    return "".join(separator.join(f"{value:g}" for value in row) + "\n" for row in values)


def ply_header(form: str, *declarations: str) -> bytes:
    lines = ["ply", f"format {form} 1.0", "comment made by hand", *declarations, "end_header"]
    return "".join(f"{line}\n" for line in lines).encode()


def ply_points(order: str) -> bytes:
    """Binary PLY, order "<" or ">": x, y, z, nx, ny, nz, colour, label, and a double called quality."""
    names = [("float", name) for name in ("x", "y", "z", "nx", "ny", "nz")]
    names += [("uchar", name) for name in ("red", "green", "blue", "label")] + [("double", "quality")]
    form = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    header = ply_header(form, "element vertex 5", *(f"property {kind} {name}" for kind, name in names))
    body = b"".join(
        struct.pack(f"{order}6f4Bd", *POINTS[i], *NORMALS[i], *COLORS[i], LABELS[i], i / 4) for i in range(5)
    )
    return header + body


def ply_points_text() -> bytes:
    header = ply_header("ascii", "element vertex 5", *(f"property float {axis}" for axis in "xyz"))
    return header + rows(POINTS).encode()


def ply_mesh(order: str = "<", polygons: list[list[int]] | None = None) -> bytes:
    faces = TRIANGLES.tolist() if polygons is None else polygons
    form = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    vertex = ["element vertex 7", *(f"property float {axis}" for axis in "xyz")]
    header = ply_header(form, *vertex, f"element face {len(faces)}", "property list uchar int vertex_indices")
    body = VERTICES.astype(f"{order}f4").tobytes()
    return header + body + b"".join(struct.pack(f"{order}B{len(face)}i", len(face), *face) for face in faces)


def ply_mesh_text() -> bytes:
    vertex = ["element vertex 7", *(f"property float {axis}" for axis in "xyz")]
    header = ply_header("ascii", *vertex, "element face 2", "property list uchar int vertex_index")
    return header + rows(VERTICES).encode() + b"4 0 1 2 3\n3 4 5 6\n"


def pcd(encoding: str) -> bytes:
    """PCD with x, y, z, one byte of padding, packed rgb (float), label (unsigned) and a field of two values."""
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z _ rgb label pair\nSIZE 4 4 4 1 4 4 2\n"
        "TYPE F F F U F U I\nCOUNT 1 1 1 1 1 1 2\nWIDTH 5\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 5\n"
        f"DATA {encoding}\n"
    ).encode()
    kinds = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("pad", "u1"), ("rgb", "<u4"), ("label", "<u4")]
    records = np.zeros(5, [*kinds, ("pair", "<i2", (2,))])
    for index, axis in enumerate("xyz"):
        records[axis] = POINTS[:, index]
    wide = COLORS.astype(np.uint32)
    records["rgb"] = wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]
    records["label"] = LABELS
    records["pair"] = pcd_pairs()
    if encoding == "binary":
        return header + records.tobytes()
    if encoding == "binary_compressed":
        raw = b"".join(records[name].tobytes() for name in records.dtype.names)
        packed = lzf_compress(raw)
        return header + struct.pack("<II", len(packed), len(raw)) + packed
    packed_colors = records["rgb"].copy().view(np.float32)
    lines = [
        f"{x:g} {y:g} {z:g} 0 {rgb:.9g} {label} {a} {b}\n"
        for (x, y, z), rgb, label, (a, b) in zip(POINTS, packed_colors, LABELS, pcd_pairs(), strict=True)
    ]
    return header + "".join(lines).encode()


def pcd_pairs() -> np.ndarray:
    return np.arange(10, dtype=np.int16).reshape(5, 2) - 4


def lzf_compress(data: bytes) -> bytes:
    """A plain greedy LZF encoder: back references of 3 to 264 bytes, literals of up to 32."""
    output, literal, position = bytearray(), bytearray(), 0
    seen: dict[bytes, int] = {}

    def flush() -> None:
        for start in range(0, len(literal), 32):
            run = literal[start : start + 32]
            output.extend(bytes([len(run) - 1]) + run)
        literal.clear()

    while position < len(data):
        key = data[position : position + 3]
        start = seen.get(key, -1) if len(key) == 3 else -1
        seen[key] = position
        distance = position - start - 1
        if start < 0 or distance >= 8192:
            literal.append(data[position])
            position += 1
            continue
        length = 3
        while length < 264 and position + length < len(data) and data[start + length] == data[position + length]:
            length += 1
        flush()
        short = min(length - 2, 7)
        output.append(short << 5 | distance >> 8)
        if short == 7:
            output.append(length - 9)
        output.append(distance & 255)
        position += length
    flush()
    return bytes(output)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(compressed: bool = True, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def off() -> bytes:
    return b"OFF\n# by hand\n7 2 0\n" + rows(VERTICES).encode() + b"4 0 1 2 3\n3 4 5 6 255 0 0\n"


def obj() -> bytes:
    vertices = "".join(f"v {line}\n" for line in rows(VERTICES).splitlines())
    return f"# by hand\nmtllib none.mtl\no thing\n{vertices}vn 0 0 1\nf 1//1 2//1 3//1 4//1\nf -3 -2 -1\n".encode()


def stl() -> bytes:
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *VERTICES[face].ravel(), 0) for face in TRIANGLES)
    return b"made by hand".ljust(80) + struct.pack("<I", len(TRIANGLES)) + body


def stl_text() -> bytes:
    facets = ""
    for face in TRIANGLES:
        corners = "".join(f"      vertex {line}\n" for line in rows(VERTICES[face]).splitlines())
        facets += f"  facet normal 0 0 1\n    outer loop\n{corners}    endloop\n  endfacet\n"
    return f"solid thing\n{facets}endsolid thing\n".encode()


def las(suffix: str, points: np.ndarray = POINTS, point_format: int = 3, scale: float = 0.001) -> bytes:
    """LAS or LAZ with colours, classification and intensity, written by laspy."""
    import laspy

    header = laspy.LasHeader(version="1.4" if point_format >= 6 else "1.2", point_format=point_format)
    header.scales, header.offsets = np.full(3, scale), np.floor(points.min(axis=0)).astype(np.float64)
    data = laspy.LasData(header)
    data.xyz = points.astype(np.float64)
    data.classification = np.resize(LABELS, len(points)).astype(np.uint8)
    data.intensity = np.arange(len(points), dtype=np.uint16) * 100
    if point_format in (3, 7):
        wide = np.resize(COLORS, (len(points), 3)).astype(np.uint16) << 8
        data.red, data.green, data.blue = wide.T
    buffer = io.BytesIO()
    data.write(buffer, do_compress=suffix == ".laz")
    return buffer.getvalue()


def csv() -> bytes:
    """Names in another order, an index in front, a label, colours, as pandas writes them."""
    table = np.column_stack([np.arange(5), POINTS[:, ::-1], LABELS, COLORS])
    return b",Z,Y,X,label,red,green,blue\n" + rows(table, ",").encode()


def asc() -> bytes:
    """Decimal commas and semicolons under several lines of header."""
    return b"exported by hand\nsecond line\nX [m];Y [m];Z [m]\n" + rows(POINTS, ";").replace(".", ",").encode()


def pts() -> bytes:
    """Leica's form: a count, then x y z intensity r g b."""
    return b"5\n" + rows(np.column_stack([POINTS, [-9, 8, 7, 6, 5], COLORS])).encode()


def ptx(matrix: np.ndarray | None = None, missing: int = 1) -> bytes:
    """A scan of one column whose last `missing` rows hold no point; `matrix` moves row vectors."""
    matrix = np.eye(4) if matrix is None else matrix
    head = f"1\n{5 + missing}\n" + rows(np.vstack([np.zeros(3), np.eye(3)])) + rows(matrix)
    table = np.column_stack([POINTS, np.arange(5) / 8, COLORS])
    return (head + rows(np.vstack([table, np.tile([0, 0, 0, 0.5, 0, 0, 0], (missing, 1))]))).encode()


def kitti() -> bytes:
    return np.column_stack([POINTS, np.arange(5) / 4]).astype("<f4").tobytes()


def gltf_tree(num_bytes: int) -> dict[str, Any]:
    """The mesh of VERTICES and TRIANGLES, moved there by a node from where it lies in the buffer, one lower in z."""
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": 84}, {"buffer": 0, "byteOffset": 84, "byteLength": 18}]
    accessors = [
        {"bufferView": 0, "componentType": 5126, "count": 7, "type": "VEC3", "min": [0, 0, -1], "max": [5, 4, 2]},
        {"bufferView": 1, "componentType": 5123, "count": 9, "type": "SCALAR"},
    ]
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": [0, 0, 1]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": num_bytes}],
    }


def gltf_buffer() -> bytes:
    lower = (VERTICES - np.array([0, 0, 1], dtype=np.float32)).astype("<f4")
    return lower.tobytes() + TRIANGLES.astype("<u2").tobytes()


def glb(tree: dict[str, Any] | None = None) -> bytes:
    data = gltf_buffer().ljust(104, b"\0")
    text = json.dumps(gltf_tree(102) if tree is None else tree).encode()
    text = text.ljust(len(text) + -len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def gltf() -> bytes:
    tree = gltf_tree(102)
    encoded = base64.b64encode(gltf_buffer()).decode("ascii")
    tree["buffers"] = [{"byteLength": 102, "uri": f"data:application/octet-stream;base64,{encoded}"}]
    return json.dumps(tree).encode()


def e57(points: np.ndarray = POINTS, **options: Any) -> bytes:
    """A scan with intensity and colours, written by pye57; options are those of its `write_scan_raw`."""
    import pye57

    columns = {f"cartesian{axis}": points[:, place].astype(np.float64) for place, axis in enumerate("XYZ")}
    columns["intensity"] = np.arange(len(points), dtype=np.float32)
    for place, name in enumerate(("colorRed", "colorGreen", "colorBlue")):
        columns[name] = np.resize(COLORS[:, place], len(points))
    columns |= options.pop("columns", {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.e57"
        file = pye57.E57(str(path), mode="w")
        file.write_scan_raw(columns, **options)
        file.close()
        return path.read_bytes()


SAMPLES: dict[str, Callable[[], bytes]] = {
    "little.ply": lambda: ply_points("<"),
    "big.ply": lambda: ply_points(">"),
    "text.ply": ply_points_text,
    "mesh.ply": ply_mesh,
    "polygons.ply": lambda: ply_mesh(">", [[0, 1, 2, 3], [4, 5, 6]]),
    "mesh_text.ply": ply_mesh_text,
    "text.pcd": lambda: pcd("ascii"),
    "binary.pcd": lambda: pcd("binary"),
    "compressed.pcd": lambda: pcd("binary_compressed"),
    "points.xyz": lambda: b"5\n" + rows(POINTS).encode(),
    "modelnet.txt": lambda: rows(np.hstack([POINTS, NORMALS]), ",").encode(),
    "points.npy": lambda: npy(POINTS),
    "points.npz": lambda: npz(points=POINTS, label=LABELS, normals=NORMALS),
    "mesh.off": off,
    "mesh.obj": obj,
    "binary.stl": stl,
    "text.stl": stl_text,
    "scan.las": lambda: las(".las"),
    "scan.laz": lambda: las(".laz"),
    "layered.laz": lambda: las(".laz", point_format=7),
    "named.csv": csv,
    "commas.asc": asc,
    "scan.pts": pts,
    "scan.ptx": ptx,
    "scan.bin": kitti,
    "mesh.glb": glb,
    "mesh.gltf": gltf,
    "packed.ply.gz": lambda: gzip.compress(ply_points("<"), mtime=0),
    "packed.xyz.gz": lambda: gzip.compress(b"5\n" + rows(POINTS).encode(), mtime=0),
    "scan.e57": e57,
}


def write(folder: Path, name: str, content: bytes) -> Path:
    """Write `content` to a new file and return its path."""
    path = folder / name
    path.write_bytes(content)
    return path


def write_sample(folder: Path, name: str) -> Path:
    return write(folder, name, SAMPLES[name]())
