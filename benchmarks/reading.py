"""How long a file of each kind takes to read, here and in another checkout of this project.

    python -m benchmarks.reading [--against ../other/src] [--rounds 5] [--points 200000]

Each round is a process of its own that reads every file five times after a first one; with two checkouts their rounds
alternate, since machines are faster at some times than at others. Printed are medians and quartiles in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_READS, _SAMPLES = 5, 2048
_OWN_SOURCE = Path(__file__).parents[1] / "src"


def write_files(folder: Path, number: int) -> None:
    """A cloud of `number` points and a bumpy surface, in kinds that are quick to write."""
    from pointlora.data.files import write_ply

    random = np.random.default_rng([0])
    points, normals = random.normal(size=(2, number, 3)).astype(np.float32)
    labels = random.integers(0, 9, number)
    write_ply(folder / "points.ply", points, attributes={"normals": normals, "labels": labels})
    np.save(folder / "points.npy", points)
    np.save(folder / "doubles.npy", points.astype(np.float64))
    np.save(folder / "small.npy", points[:2048])
    np.savez(folder / "points.npz", points=points, label=labels)
    few = points[: number // 4]
    (folder / "points.xyz").write_text(_lines(few))
    (folder / "normals.txt").write_text(_lines(np.hstack([few, normals[: len(few)]]), ","))
    (folder / "text.ply").write_bytes(_ply_header("ascii", len(few)) + _lines(few).encode())
    (folder / "text.pcd").write_bytes(_pcd_header("ascii", len(few)) + _lines(few).encode())
    (folder / "binary.pcd").write_bytes(_pcd_header("binary", number) + points.tobytes())
    for name in ("points.las", "points.laz"):
        _write_las(folder / name, points)
    _write_meshes(folder, int(np.sqrt(number / 2)))


def _lines(table: NDArray[np.float32], separator: str = " ") -> str:
    return "".join(separator.join(f"{value:g}" for value in row) + "\n" for row in table)


def _ply_header(form: str, vertices: int, faces: int | None = None) -> bytes:
    lines = ["ply", f"format {form} 1.0", f"element vertex {vertices}", *(f"property float {axis}" for axis in "xyz")]
    if faces is not None:
        lines += [f"element face {faces}", "property list uchar int vertex_indices"]
    return "\n".join([*lines, "end_header", ""]).encode()


def _pcd_header(form: str, number: int) -> bytes:
    fields = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1"
    return f"VERSION 0.7\n{fields}\nWIDTH {number}\nHEIGHT 1\nPOINTS {number}\nDATA {form}\n".encode()


def _write_las(path: Path, points: NDArray[np.float32]) -> None:
    import laspy

    header = laspy.LasHeader(version="1.2", point_format=3)
    header.scales = np.full(3, 0.001)
    data = laspy.LasData(header)
    data.xyz = points.astype(np.float64) * 100
    data.write(path)


def _write_meshes(folder: Path, side: int) -> None:
    """A grid of side x side vertices with triangles, and one where every second cell is a quadrangle."""
    u, v = np.meshgrid(np.arange(side), np.arange(side))
    vertices = np.stack([u, v, np.sin(u / 9) * np.cos(v / 7)], axis=-1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    cells = np.stack([corner, corner + 1, corner + side + 1, corner + side], axis=1)
    triangles = np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    records = np.empty(len(triangles), [("length", "u1"), ("corners", "<i4", (3,))])
    records["length"], records["corners"] = 3, triangles
    binary = "binary_little_endian"
    header = _ply_header(binary, len(vertices), len(triangles))
    (folder / "mesh.ply").write_bytes(header + vertices.tobytes() + records.tobytes())
    mixed = [cell for pair in zip(cells[::2].tolist(), cells[1::2, :3].tolist(), strict=False) for cell in pair]
    rows = b"".join(struct.pack(f"<B{len(face)}i", len(face), *face) for face in mixed)
    (folder / "mixed.ply").write_bytes(_ply_header(binary, len(vertices), len(mixed)) + vertices.tobytes() + rows)
    some = triangles[: len(triangles) // 4]
    faces = "".join(f"3 {a} {b} {c}\n" for a, b, c in some)
    (folder / "mesh.off").write_text(f"OFF\n{len(vertices)} {len(some)} 0\n{_lines(vertices)}{faces}")
    lines = "".join(f"v {line}\n" for line in _lines(vertices).splitlines())
    (folder / "mesh.obj").write_text(lines + "".join(f"f {a} {b} {c}\n" for a, b, c in some + 1))
    body = np.zeros(len(triangles), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    body["corners"] = vertices[triangles]
    (folder / "mesh.stl").write_bytes(bytes(80) + struct.pack("<I", len(triangles)) + body.tobytes())


def measure(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each reading of each file."""
    from pointlora.data.files import read_point_cloud

    found = {}
    for path in sorted(folder.iterdir()):
        read_point_cloud(path, _SAMPLES)
        times = []
        for _ in range(_READS):
            begin = time.perf_counter()
            read_point_cloud(path, _SAMPLES)
            times.append((time.perf_counter() - begin) * 1e3)
        found[path.name] = times
    return found


def _measure_apart(folder: str, source: Path) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "benchmarks.reading", "--measure", folder]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, list[float]] = json.loads(done.stdout)
    return result


def _quartiles(times: list[float]) -> str:
    low, middle, high = np.quantile(times, (0.25, 0.5, 0.75))
    return f"{middle:.1f} ({low:.1f}-{high:.1f})"


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="folder src of another checkout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    sources = {"here": _OWN_SOURCE} | ({} if options.against is None else {"there": options.against.absolute()})
    times: dict[str, dict[str, list[float]]] = {name: {} for name in sources}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), options.points)
        for _ in range(options.rounds):
            for name, source in sources.items():
                for file, found in _measure_apart(folder, source).items():
                    times[name].setdefault(file, []).extend(found)
    print("| file | " + " | ".join(f"{name}, ms" for name in sources) + " |")
    print("|---" * (1 + len(sources)) + "|")
    for file in times["here"]:
        print(f"| {file} | " + " | ".join(_quartiles(times[name][file]) for name in sources) + " |")


if __name__ == "__main__":
    main()
