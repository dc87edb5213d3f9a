"""One function that reads any supported file of points or a mesh."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from pointlora.data.files.arrays import read_npy, read_npz
from pointlora.data.files.content import Content
from pointlora.data.files.labels import LabelChoice
from pointlora.data.files.las import read_las
from pointlora.data.files.limits import MAX_POINTS, check_file, damaged, data_error, one_line
from pointlora.data.files.meshes import cloud_from_mesh
from pointlora.data.files.obj import read_obj
from pointlora.data.files.off import read_off
from pointlora.data.files.pcd import read_pcd
from pointlora.data.files.ply import read_ply
from pointlora.data.files.point_cloud import PointCloud, cloud_from_content
from pointlora.data.files.stl import read_stl
from pointlora.data.files.tables import read_text_table
from pointlora.errors import DataError

_READERS: dict[str, Callable[[Path], Content]] = {
    ".asc": read_text_table,
    ".csv": read_text_table,
    ".las": read_las,
    ".laz": read_las,
    ".npy": read_npy,
    ".npz": read_npz,
    ".obj": read_obj,
    ".off": read_off,
    ".pcd": read_pcd,
    ".ply": read_ply,
    ".pts": read_text_table,
    ".stl": read_stl,
    ".txt": read_text_table,
    ".xyz": read_text_table,
}

SUPPORTED_SUFFIXES: tuple[str, ...] = tuple(sorted(_READERS))


def read_point_cloud(
    path: str | os.PathLike[str], num_samples: int | None = None, seed: int = 0, labels: LabelChoice | None = None
) -> PointCloud:
    """Read a point cloud, or sample the surface of a mesh, from a file of a known suffix.

    Files are read within bounds: sizes that a header declares are compared with the file before memory is asked for.
    The same arguments give the same points.

    Args:
        path: a file that ends in one of `SUPPORTED_SUFFIXES`, in upper or lower case.
        num_samples: number of points to draw from a mesh, uniformly by area; 8192 if None. Ignored for points.
        seed: of that sampling, >= 0.
        labels: which column is the label of each point; one called label or the like if None. Ignored for meshes.

    Returns:
        A PointCloud with points (N, 3) float32 and what else the file says about them.

    Raises:
        DataError: whatever is wrong with the file (or an argument), in one line that names the file and the fix.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        near = difflib.get_close_matches(suffix, SUPPORTED_SUFFIXES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise data_error(path, f"unknown suffix {suffix!r}", f"{hint}supported are {' '.join(SUPPORTED_SUFFIXES)}")
    if num_samples is not None and not 1 <= num_samples <= MAX_POINTS:
        raise data_error(path, f"num_samples is {num_samples}", f"choose 1 to {MAX_POINTS}")
    if seed < 0:
        raise data_error(path, f"seed is {seed}", "choose a seed >= 0")
    check_file(path)
    try:
        content = _READERS[suffix](path)
        if content.triangles is not None:
            return cloud_from_mesh(path, content.coordinates(), content.triangles, num_samples, seed)
        return cloud_from_content(path, content, labels)
    except DataError:
        raise
    except MemoryError as error:
        raise data_error(path, "does not fit into memory", "split or thin the cloud first") from error
    except Exception as error:
        raise damaged(path, f"cannot be read as {suffix} ({one_line(error)})") from error
