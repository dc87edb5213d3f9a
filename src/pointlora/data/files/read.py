"""One function that reads any supported file of points or a mesh."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pointlora.data.files.arrays import read_npy, read_npz
from pointlora.data.files.content import Content
from pointlora.data.files.e57 import read_e57
from pointlora.data.files.features import FeatureChoice, automatic_features
from pointlora.data.files.gltf import read_gltf_scene
from pointlora.data.files.kitti import read_kitti
from pointlora.data.files.labels import LabelChoice
from pointlora.data.files.las import read_las
from pointlora.data.files.limits import MAX_POINTS, check_file, damaged, data_error, one_line
from pointlora.data.files.meshes import cloud_from_mesh
from pointlora.data.files.obj import read_obj
from pointlora.data.files.off import read_off
from pointlora.data.files.packed import unpacked
from pointlora.data.files.pcd import read_pcd
from pointlora.data.files.ply import read_ply
from pointlora.data.files.point_cloud import PointCloud, cloud_from_content, with_missing_features
from pointlora.data.files.ptx import read_ptx
from pointlora.data.files.stl import read_stl
from pointlora.data.files.tables import read_text_table
from pointlora.errors import DataError

_READERS: dict[str, Callable[[Path], Content]] = {
    ".asc": read_text_table,
    ".bin": read_kitti,
    ".csv": read_text_table,
    ".e57": read_e57,
    ".glb": read_gltf_scene,
    ".gltf": read_gltf_scene,
    ".las": read_las,
    ".laz": read_las,
    ".npy": read_npy,
    ".npz": read_npz,
    ".obj": read_obj,
    ".off": read_off,
    ".pcd": read_pcd,
    ".ply": read_ply,
    ".pts": read_text_table,
    ".ptx": read_ptx,
    ".stl": read_stl,
    ".txt": read_text_table,
    ".xyz": read_text_table,
}

SUPPORTED_SUFFIXES: tuple[str, ...] = tuple(sorted(_READERS))
_PACKED = ".gz"


def file_kind(path: Path) -> str:
    """What `read_point_cloud` goes by: the suffix in lower case, `.ply.gz` for a packed file."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() + suffix if suffix == _PACKED else suffix


def is_supported(path: Path) -> bool:
    """Whether the name of a file says that `read_point_cloud` may read it."""
    return file_kind(path).removesuffix(_PACKED) in _READERS


def read_point_cloud(
    path: str | os.PathLike[str],
    num_samples: int | None = None,
    seed: int = 0,
    labels: LabelChoice | None = None,
    features: FeatureChoice | None = None,
) -> PointCloud:
    """Read a point cloud, or sample the surface of a mesh, from a file of a known suffix, packed by gzip or not.

    Files are read within bounds: sizes that a header declares are compared with the file before memory is asked for.
    The same arguments give the same points.

    Args:
        path: a file that ends in one of `SUPPORTED_SUFFIXES`, in upper or lower case, or in one of them and `.gz`.
        num_samples: number of points to draw from a mesh, uniformly by area; 8192 if None. Ignored for points.
        seed: of that sampling, >= 0.
        labels: which column is the label of each point; one called label or the like if None. Ignored for meshes.
        features: what points shall have beside x, y, z; points drawn from a mesh have none.

    Returns:
        A PointCloud with points (N, 3) float32 and what else the file says about them.

    Raises:
        DataError: whatever is wrong with the file (or an argument), in one line that names the file and the fix.
    """
    path = Path(path)
    kind = file_kind(path)
    if not kind:
        check_file(path)
    if not is_supported(path):
        near = difflib.get_close_matches(kind, SUPPORTED_SUFFIXES, n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}? " if near else ""
        raise data_error(
            path, f"unknown suffix {kind!r}", f"{hint}supported are {' '.join(SUPPORTED_SUFFIXES)}, also with .gz"
        )
    if num_samples is not None and not 1 <= num_samples <= MAX_POINTS:
        raise data_error(path, f"num_samples is {num_samples}", f"choose 1 to {MAX_POINTS}")
    if seed < 0:
        raise data_error(path, f"seed is {seed}", "choose a seed >= 0")
    check_file(path)
    try:
        content = _read(path, kind)
        if content.triangles is not None:
            cloud = cloud_from_mesh(path, content.coordinates(), content.triangles, num_samples, seed)
            cloud = replace(cloud, notes=content.notes) if content.notes else cloud
            return cloud if features is None else with_missing_features(cloud, features)
        return cloud_from_content(path, content, labels, features)
    except DataError:
        raise
    except MemoryError as error:
        raise data_error(path, "does not fit into memory", "split or thin the cloud first") from error
    except Exception as error:
        raise damaged(path, f"cannot be read as {kind} ({one_line(error)})") from error


def features_of_file(path: str | os.PathLike[str]) -> dict[str, tuple[float, float]]:
    """What `data.features: auto` may take of a file, see `automatic_features`; of a mesh nothing.

    Raises:
        DataError: as `read_point_cloud`.
    """
    path = Path(path)
    content = read_point_cloud(path).content
    return {} if content is None or content.triangles is not None else automatic_features(content)


def _read(path: Path, kind: str) -> Content:
    if not kind.endswith(_PACKED):
        return _READERS[kind](path)
    with unpacked(path) as inner:
        return _READERS[kind.removesuffix(_PACKED)](inner)
