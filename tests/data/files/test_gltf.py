"""GLB and glTF: instances, buffers in other files, and declarations that lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


def tree_with(**changes: Any) -> dict[str, Any]:
    return {**samples.gltf_tree(102), **changes}


def test_a_node_moves_the_mesh(tmp_path: Path) -> None:
    reference = read_point_cloud(samples.write_sample(tmp_path, "binary.stl"), 300, seed=2).points
    for name in ("mesh.glb", "mesh.gltf"):
        np.testing.assert_array_equal(read_point_cloud(samples.write_sample(tmp_path, name), 300, 2).points, reference)


def test_instances_stand_where_they_are_placed(tmp_path: Path) -> None:
    nodes = [
        {"mesh": 0},
        {"children": [2], "scale": [2, 2, 2]},
        {"mesh": 0, "translation": [50, 0, 0]},
        {"mesh": 0, "rotation": [0, 0, 1, 0], "translation": [-50, 0, 0]},
    ]
    tree = tree_with(nodes=nodes, scenes=[{"nodes": [0, 1, 3]}])
    points = read_point_cloud(samples.write(tmp_path, "a.glb", samples.glb(tree)), 30_000).points
    first, scaled, turned = points[np.abs(points[:, 0]) < 10], points[points[:, 0] > 60], points[points[:, 0] < -40]
    assert len(first) + len(scaled) + len(turned) == 30_000
    # Areas 10, 40 and 10.
    np.testing.assert_allclose([len(first), len(scaled), len(turned)], [5000, 20_000, 5000], rtol=0.06)
    np.testing.assert_allclose(scaled.max(axis=0), [110, 8, 4], atol=0.3)
    np.testing.assert_allclose(turned.min(axis=0), [-55, -4, -1], atol=0.3)


def test_points_without_faces(tmp_path: Path) -> None:
    tree = tree_with(meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}])
    cloud = read_point_cloud(samples.write(tmp_path, "a.glb", samples.glb(tree)))
    assert not cloud.sampled
    np.testing.assert_array_equal(cloud.points, samples.VERTICES)


def test_a_buffer_beside_the_file(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    (inner / "data").mkdir(parents=True)
    samples.write(inner / "data", "my buffer.bin", samples.gltf_buffer())
    samples.write(tmp_path, "secret.bin", samples.gltf_buffer())

    def read(uri: str) -> int:
        tree = tree_with(buffers=[{"byteLength": 102, "uri": uri}])
        return len(read_point_cloud(samples.write(inner, "a.gltf", json.dumps(tree).encode()), 50))

    assert read("data/my%20buffer.bin") == 50
    with pytest.raises(DataError, match="is missing"):
        read("data/other.bin")
    (inner / "link.bin").symlink_to(tmp_path / "secret.bin")
    for uri in ("../secret.bin", str(tmp_path / "secret.bin"), "link.bin", "http://a.b/c.bin", "%2e%2e/secret.bin"):
        with pytest.raises(DataError, match="outside its folder"):
            read(uri)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    tree = samples.gltf_tree(102)
    change(tree)
    return samples.glb(tree)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tree: tree["accessors"][0].update(count=10**12), "accessor 0 declares 1000000000000 items"),
        (lambda tree: tree["accessors"][0].update(count=-1), "accessor|items"),
        (lambda tree: tree["accessors"][0].pop("bufferView"), "accessor 0 is sparse"),
        (lambda tree: tree["accessors"][1].update(componentType=5125), "accessor 1 declares 9 items"),
        (lambda tree: tree["accessors"][1].update(bufferView=7), "accessor 1 has no data"),
        (lambda tree: tree["bufferViews"][0].update(byteLength=10**9), "bufferView 0 reaches beyond"),
        (lambda tree: tree["bufferViews"][0].update(byteOffset=-4), "bufferView 0 reaches beyond"),
        (lambda tree: tree["buffers"][0].update(byteLength=10**9), "bytes of buffer 0"),
        (lambda tree: tree.update(nodes=[{"children": [1]}, {"children": [0]}]), "in a circle"),
        (lambda tree: tree.update(nodes=[{"children": [0]}]), "isn't a node or has two parents"),
        (lambda tree: tree.update(nodes=[{"mesh": 5}]), "no valid glTF"),
        (lambda tree: tree.update(nodes=[{"children": [k + 1]} for k in range(900)] + [{}]), "nodes deep"),
        (lambda tree: tree.update(extensionsRequired=["KHR_draco_mesh_compression"]), "compressed by KHR_draco"),
        (lambda tree: tree["asset"].update(version="1.0"), "is glTF 1.0"),
        (lambda tree: tree.pop("meshes"), "no valid glTF"),
        (lambda tree: tree.update(nodes=[], scenes=[{"nodes": []}]), "no meshes and no points|trimesh cannot"),
        (lambda tree: tree.update(accessors=3), "no valid glTF"),
        (lambda tree: tree.pop("asset"), "isn't glTF"),
    ],
)
def test_declarations_that_lie(tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.glb", changed(change)))


def test_pictures_are_never_opened(tmp_path: Path) -> None:
    extra = {"images": [{"uri": "/etc/passwd"}], "textures": [{"source": 0}], "materials": [{"name": "a"}]}
    tree = tree_with(**extra)
    tree["meshes"][0]["primitives"][0]["material"] = 0
    assert len(read_point_cloud(samples.write(tmp_path, "a.glb", samples.glb(tree)), 40)) == 40


def test_points_beside_meshes_are_said(tmp_path: Path) -> None:
    tree = tree_with()
    tree["nodes"].append({"mesh": 1})
    tree["scenes"][0]["nodes"].append(len(tree["nodes"]) - 1)
    position = tree["meshes"][0]["primitives"][0]["attributes"]["POSITION"]
    cloud = read_point_cloud(samples.write(tmp_path, "a.glb", samples.glb(tree_with())), 40)
    tree["meshes"].append({"primitives": [{"attributes": {"POSITION": position}, "mode": 0}]})
    path = samples.write(tmp_path, "b.glb", samples.glb(tree))
    both = read_point_cloud(path, 40)
    np.testing.assert_array_equal(both.points, cloud.points)
    assert both.warnings == (f"{path}: its {len(samples.VERTICES)} points beside the meshes are passed over",)
    assert cloud.warnings == ()


@pytest.mark.filterwarnings("error")
def test_a_node_of_endless_size(tmp_path: Path) -> None:
    content = samples.glb(tree_with(nodes=[{"mesh": 0, "scale": [1e300, 1, 1]}]))
    with pytest.raises(DataError, match="infinite or above 3.4e38|trimesh cannot"):
        read_point_cloud(samples.write(tmp_path, "a.glb", content), 40)
