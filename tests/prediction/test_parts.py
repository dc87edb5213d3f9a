"""Labels of every point of a file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import file_samples
from adapter_samples import NUM_POINTS, write_adapter
from part_samples import PLAIN_SPACE, SPACE, write_part_adapter
from pointlora.data.files import read_point_cloud, write_ply
from pointlora.data.files.ply import find_element, open_ply, scalar_columns
from pointlora.data.parts.loading import PartBatch
from pointlora.data.parts.transforms import PartTransform
from pointlora.data.transforms import TransformConfig
from pointlora.errors import AdapterError, ConfigError, DataError
from pointlora.prediction import PartPredictor, write_prediction
from pointlora.training.part_segmentation.evaluation import score_parts
from pointlora.training.part_segmentation.metrics import predict_parts


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_part_adapter(tmp_path_factory.mktemp("adapters") / "parts")


@pytest.fixture(scope="module")
def predictor(adapter: Path) -> PartPredictor:
    return PartPredictor(adapter, device="cpu")


def cloud(size: int, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng([seed]).normal(size=(size, 3)) * [1, 2, 0.5] + [30, 0, -7]
    return points.astype(np.float32)


@pytest.mark.parametrize("size", [40, NUM_POINTS, 500, 70_001])
def test_same_labels_as_evaluation(predictor: PartPredictor, size: int) -> None:
    points = cloud(size)
    made = PartTransform(TransformConfig(num_points=NUM_POINTS), train=False, queries=True)(
        [(points, np.zeros(size, np.int64))], [(0, 0)]
    )
    assert made.queries is not None
    seen, queries = torch.from_numpy(made.points), torch.from_numpy(made.queries)
    for category in (0, 1):
        batch = PartBatch(seen, torch.zeros(1, size), torch.tensor([category]), torch.zeros(1), queries)
        with torch.no_grad():
            scores = score_parts(predictor.model, batch, SPACE, torch.device("cpu"))
        expected = predict_parts(scores, batch.category, torch.from_numpy(SPACE.allowed))[0].numpy()
        found = predictor.label(points, category)
        np.testing.assert_array_equal(found, expected)
        counts = np.bincount(found, minlength=SPACE.num_parts)
        assert counts[list(SPACE.parts_of[category])].sum() == size
        assert counts.max() < size  # parts are told apart
    np.testing.assert_array_equal(predictor.label(points, 1), found)


def test_labels_follow_their_points(predictor: PartPredictor) -> None:
    points = cloud(4000)
    labels = predictor.label(points, 0)
    order = np.random.default_rng(1).permutation(4000)
    np.testing.assert_array_equal(predictor.label(points, 0, points[order]), labels[order])


def test_files_of_all_sizes_one_by_one(predictor: PartPredictor, tmp_path: Path) -> None:
    files = []
    for number, size in enumerate((300, 40, 5000)):
        folder = tmp_path / ("chair", "mug", "CHAIR")[number]
        folder.mkdir()
        files.append(write_ply(folder / f"{number}.ply", cloud(size, number)))
    together = predictor.predict(files)
    assert [one.category_name for one in together] == ["Chair", "mug", "Chair"]
    assert [len(one.labels) for one in together] == [300, 40, 5000]
    for path, one in zip(files, together, strict=True):
        np.testing.assert_array_equal(predictor.predict([path])[0].labels, one.labels)
        assert sum(one.shares.values()) == pytest.approx(1)
        assert one.labelled == "points"
    counts = np.bincount(together[0].labels, minlength=3)
    assert together[0].shares == {SPACE.part_names[part]: counts[part] / 300 for part in (0, 1, 2)}
    as_mug = predictor.predict(files[:1], category="Mug")[0]
    assert (as_mug.category_name, set(as_mug.labels) <= {3, 4}) == ("mug", True)


@pytest.mark.parametrize("name", ["points.xyz", "points.npy", "points.npz", "scan.las", "binary.pcd"])
def test_formats_of_points(predictor: PartPredictor, tmp_path: Path, name: str) -> None:
    path = file_samples.write_sample(tmp_path, name)  # five points
    with pytest.raises(DataError, match=r"has 5 points; at least 8 are needed") as error:
        predictor.predict([path], "mug")
    assert str(path) in str(error.value)


def test_text_and_numpy_give_the_same_labels(predictor: PartPredictor, tmp_path: Path) -> None:
    points = cloud(600).round(3)
    np.savetxt(tmp_path / "a.txt", points, fmt="%.3f")
    np.save(tmp_path / "a.npy", points)
    write_ply(tmp_path / "a.ply", points)
    found = predictor.predict([tmp_path / f"a.{kind}" for kind in ("txt", "npy", "ply")], "chair")
    for one in found:
        np.testing.assert_array_equal(one.labels, found[2].labels)


def test_what_of_a_mesh_is_labelled(predictor: PartPredictor, tmp_path: Path) -> None:
    for name in ("mesh.obj", "binary.stl", "mesh.off"):
        one = predictor.predict([file_samples.write_sample(tmp_path, name)], "mug")[0]
        assert (one.labelled, one.labels.shape, one.cloud.points.shape) == ("sampled points", (8192,), (8192, 3))
    # The vertices of a PLY are labelled in the frame of its surface.
    path = file_samples.write(tmp_path, "mesh.ply", file_samples.ply_mesh())
    one = predictor.predict([path], "mug")[0]
    assert one.labelled == "vertices"
    np.testing.assert_array_equal(one.cloud.points, file_samples.VERTICES)
    surface = read_point_cloud(path).points
    np.testing.assert_array_equal(one.labels, predictor.label(surface, 1, file_samples.VERTICES))


def test_a_cloud_far_away_has_the_same_labels(predictor: PartPredictor, tmp_path: Path) -> None:
    points = cloud(500).astype(np.float64).round(2)
    near, far = (write_ply(tmp_path / f"{name}.ply", points + shift) for name, shift in (("near", 0.0), ("far", 4e6)))
    one, other = predictor.predict([near, far], "chair")
    assert other.cloud.offset.any()
    assert (one.labels == other.labels).mean() > 0.99  # a point that lies between two parts may change its side


def test_up_axis_turns_the_files(adapter: Path, predictor: PartPredictor, tmp_path: Path) -> None:
    points = cloud(500)
    turned = write_ply(tmp_path / "y_up.ply", np.ascontiguousarray(points[:, [1, 2, 0]]))
    found = PartPredictor(adapter, device="cpu", up_axis="y").predict([turned], "chair")[0]
    np.testing.assert_array_equal(found.labels, predictor.label(points, 0))


def test_categories(adapter: Path, predictor: PartPredictor, tmp_path: Path) -> None:
    path = write_ply(tmp_path / "a.ply", cloud(50))
    with pytest.raises(
        DataError, match=r"a\.ply: its folder '.*' isn't a category; give --category, one of Chair, mug"
    ):
        predictor.predict([path])
    with pytest.raises(ConfigError, match="unknown category 'chiar': did you mean 'Chair'. Known: Chair, mug"):
        predictor.predict([path], "chiar")
    plain = PartPredictor(write_part_adapter(tmp_path / "plain", PLAIN_SPACE), device="cpu")
    one = plain.predict([path])[0]
    assert one.category_name is None
    assert list(one.shares) == ["a", "b", "c"]
    with pytest.raises(ConfigError, match="'chair' was given, but the adapter knows no categories"):
        plain.predict([path], "chair")


def test_bad_files_are_errors_and_pickles_are_not_run(predictor: PartPredictor, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "payload"),)

    pickle = tmp_path / "evil.npy"
    np.save(pickle, np.array([Payload()], dtype=object), allow_pickle=True)
    broken = file_samples.write(tmp_path, "broken.ply", file_samples.ply_points("<")[:-3])
    good = write_ply(tmp_path / "good.ply", cloud(50))
    first, second, third = predictor.predict_each([pickle, broken, good], "mug")
    assert isinstance(first, DataError)
    assert isinstance(second, DataError)
    assert not isinstance(third, DataError)
    assert "evil.npy has dtype" in str(first)
    assert "broken.ply" in str(second)
    assert not (tmp_path / "payload").exists()


def test_adapters_of_other_tasks_and_damaged_ones(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="is for classification, not for part_segmentation"):
        PartPredictor(write_adapter(tmp_path / "classes"))
    shutil.copytree(adapter, tmp_path / "copy")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (tmp_path / "copy" / "adapter_config.json").write_text(json.dumps(config | {"parts": {"part_names": ["a"]}}))
    with pytest.raises(AdapterError, match="doesn't say which parts"):
        PartPredictor(tmp_path / "copy", base=adapter.parent / "base.safetensors")


def test_rows_without_a_point_keep_their_place(predictor: PartPredictor, tmp_path: Path) -> None:
    points = cloud(300)
    holes = points.copy()
    holes[[0, 17, 299]] = np.nan
    np.save(tmp_path / "whole.npy", np.delete(points, [0, 17, 299], axis=0))
    np.save(tmp_path / "holes.npy", holes)
    whole, one = predictor.predict([tmp_path / "whole.npy", tmp_path / "holes.npy"], "chair")
    np.testing.assert_array_equal(one.labels, whole.labels)
    assert (len(one.labels), len(one.file_labels)) == (297, 300)
    assert one.file_labels[[0, 17, 299]].tolist() == [-1, -1, -1]
    np.testing.assert_array_equal(np.delete(one.file_labels, [0, 17, 299]), whole.labels)
    assert one.shares == whole.shares
    assert whole.file_labels is whole.labels


@pytest.mark.parametrize("kind", ["ply", "pcd", "npy", "xyz"])
def test_written_clouds_have_the_files_rows(predictor: PartPredictor, tmp_path: Path, kind: str) -> None:
    points = cloud(200)
    points[[3, 150]] = np.nan
    path = tmp_path / f"a.{kind}"
    if kind == "ply":
        header = "ply\nformat binary_little_endian 1.0\nelement vertex 200\n"
        path.write_bytes(f"{header}property float x\nproperty float y\nproperty float z\nend_header\n".encode())
        with path.open("ab") as file:
            file.write(points.tobytes())
    elif kind == "pcd":
        header = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 200\nHEIGHT 1\n"
        path.write_bytes(f"{header}VIEWPOINT 0 0 0 1 0 0 0\nPOINTS 200\nDATA binary\n".encode() + points.tobytes())
    elif kind == "npy":
        np.save(path, points)
    else:
        np.savetxt(path, points, fmt="%.9g")
    (one,) = predictor.predict([path], "mug")
    written, labels = write_prediction(one, tmp_path / "out" / "a")
    stored = np.load(labels)
    assert stored.shape == (200,)
    assert stored[[3, 150]].tolist() == [-1, -1]
    _, elements = open_ply(written)
    columns = scalar_columns(find_element(elements, "vertex"))
    np.testing.assert_array_equal(columns["label"], stored)
    np.testing.assert_array_equal(np.stack([columns[axis] for axis in "xyz"], 1).astype(np.float32), points)
    again = read_point_cloud(written)
    assert (len(again), again.num_dropped) == (198, 2)


def test_written_clouds_carry_the_doubles_of_the_file(predictor: PartPredictor, tmp_path: Path) -> None:
    rng = np.random.default_rng([5])
    points = np.column_stack([rng.uniform(0, 2000, 400), rng.uniform(0, 12, 400), rng.uniform(0, 3, 400)])
    points += [500000.125, 5400000.0625, 100]
    np.savetxt(tmp_path / "corridor.xyz", points, fmt="%.17g")
    np.save(tmp_path / "corridor.npy", points)
    for name in ("corridor.xyz", "corridor.npy"):
        (one,) = predictor.predict([tmp_path / name], "chair")
        assert len(np.unique(one.cloud.points[:, 1])) == 400
        written, _ = write_prediction(one, tmp_path / "out" / name)
        _, elements = open_ply(written)
        columns = scalar_columns(find_element(elements, "vertex"))
        found = np.stack([columns[axis] for axis in "xyz"], 1)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, points)


def test_written_clouds_carry_the_integers_of_a_las_file(predictor: PartPredictor, tmp_path: Path) -> None:
    laspy = pytest.importorskip("laspy")
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales, header.offsets = np.array([0.001, 0.001, 0.01]), np.array([500000.0, 5400000.0, 0.0])
    las = laspy.LasData(header)
    raw = np.random.default_rng([6]).integers(0, 10**6, (300, 3)).astype(np.int32)
    las.X, las.Y, las.Z = raw.T
    las.write(tmp_path / "a.las")
    (one,) = predictor.predict([tmp_path / "a.las"], "chair")
    written, _ = write_prediction(one, tmp_path / "out" / "a")
    _, elements = open_ply(written)
    columns = scalar_columns(find_element(elements, "vertex"))
    found = np.stack([columns[axis] for axis in "xyz"], 1)
    np.testing.assert_array_equal(found, raw * np.array(header.scales) + header.offsets)
    np.testing.assert_array_equal(np.round((found - header.offsets) / header.scales).astype(np.int32), raw)


def test_what_is_odd_about_a_file_is_said_once(
    predictor: PartPredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ply(tmp_path / "few.ply", cloud(20))
    for _ in range(2):
        predictor.predict([tmp_path / "few.ply"], "chair")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"{tmp_path / 'few.ply'}: has only 20 points, fewer than a patch of 32"
