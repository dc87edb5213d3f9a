"""Predictions from exported files: the preparation and the results of the predictors with torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_samples import COMMON, NUM_POINTS, SPACE, classifier, classify, score, segmenter, write
from pointlora.data.features import FeatureScaling
from pointlora.data.files import write_ply
from pointlora.data.parts.space import PartSpace
from pointlora.data.transforms import PointTransform, TransformConfig, into_sphere, unit_sphere
from pointlora.errors import CheckpointError, ConfigError, DataError
from pointlora.prediction import OnnxPartPredictor, OnnxPredictor, open_onnx

INTENSITY = FeatureScaling(("intensity",), (100.0,), (50.0,))


def cloud(size: int, seed: int = 0, width: int = 3) -> np.ndarray:
    generator = np.random.default_rng([seed])
    points = generator.normal(size=(size, width)) * [*generator.uniform(0.3, 3, 3), 80][:width]
    return (points + [30, 0, -7, 100][:width]).astype(np.float32)


def prepared(clouds: list[np.ndarray], **settings: Any) -> np.ndarray:
    """With torch."""
    transform = PointTransform(TransformConfig(num_points=NUM_POINTS, **settings), train=False)
    return transform(clouds, [(0, 0)] * len(clouds))


def test_classes_of_files(tmp_path: Path) -> None:
    predictor = OnnxPredictor(write(classifier(), tmp_path / "a.onnx"))
    clouds = [cloud(size, size) for size in (5, 64, 65, 700, 70_000)]
    expected = classify(prepared(clouds))
    files = []
    for number, points in enumerate(clouds):
        np.save(tmp_path / f"{number}.npy", points)
        files.append(tmp_path / f"{number}.npy")
    for batch_size in (1, 3):
        found = predictor.predict(files, batch_size)
        np.testing.assert_allclose([one.probabilities for one in found], expected, atol=1e-5)
    assert [one.num_points for one in found] == [5, 64, 65, 700, 70_000]
    assert np.ptp(expected, axis=0).max() > 0.2  # the clouds are told apart
    assert predictor.class_names == ("cube", "sphere", "cone")


def test_features_are_scaled_and_axes_turned(tmp_path: Path) -> None:
    predictor = OnnxPredictor(write(classifier(features=INTENSITY), tmp_path / "a.onnx"), up_axis="y")
    points = cloud(300, 1, 4)
    turned = points[:, [2, 0, 1, 3]]  # what was y is z now
    expected = classify(prepared([turned], features=INTENSITY))
    np.testing.assert_allclose(predictor.probabilities([points]), expected, atol=1e-5)
    assert predictor.up_axis == "y"


def test_a_missing_feature(tmp_path: Path) -> None:
    model, scan = write(classifier(features=INTENSITY), tmp_path / "a.onnx"), write_ply(tmp_path / "a.ply", cloud(99))
    with pytest.raises(DataError, match="has no feature 'intensity'"):
        OnnxPredictor(model).predict([scan])
    (found,) = OnnxPredictor(model, missing_features="zero").predict([scan])
    expected = classify(prepared([np.column_stack([cloud(99), np.full(99, 100, np.float32)])], features=INTENSITY))
    np.testing.assert_allclose(found.probabilities, expected[0], atol=1e-5)


def test_files_that_prepare_clouds_themselves_get_them_as_they_are(tmp_path: Path) -> None:
    predictor = OnnxPredictor(write(classifier(preprocess=True, features=INTENSITY), tmp_path / "a.onnx"))
    clouds = [1e-3 * cloud(size, 3, 4) for size in (3, 200)]
    expected = np.concatenate([classify(one[None]) for one in clouds])
    np.testing.assert_allclose(predictor.probabilities(clouds), expected, atol=1e-5)


@pytest.mark.parametrize("space", [SPACE, PartSpace(("a", "b", "c"))], ids=["categories", "none"])
@pytest.mark.parametrize("size", [8, 500, 40_000])
def test_labels(tmp_path: Path, space: PartSpace, size: int) -> None:
    predictor = OnnxPartPredictor(write(segmenter(space), tmp_path / "a.onnx"))
    points = cloud(size, 4)
    asked = into_sphere(points, *unit_sphere(points))
    for category, allowed in enumerate(space.parts_of):
        scores = score(prepared([points])[0], asked, category, space)[:, list(allowed)]
        expected = np.array(space.numbers)[np.array(allowed)[scores.argmax(1)]]
        found = predictor.label(points, category)
        clear = np.ptp(np.sort(scores, axis=1)[:, -2:], axis=1) > 1e-4
        np.testing.assert_array_equal(found[clear], expected[clear])
        assert clear.mean() > 0.9
        assert size < 500 or len(set(found)) > 1


def test_labels_of_files_that_prepare_clouds_themselves(tmp_path: Path) -> None:
    predictor = OnnxPartPredictor(write(segmenter(preprocess=True, features=INTENSITY), tmp_path / "a.onnx"))
    points = 1e-3 * cloud(300, 5, 4)
    expected = np.array(SPACE.numbers)[[2, 3]][score(points, points, 1)[:, 2:].argmax(1)]
    np.testing.assert_array_equal(predictor.label(points, 1), expected)


def test_categories_and_sizes_are_those_of_the_file(tmp_path: Path) -> None:
    predictor = OnnxPartPredictor(write(segmenter(), tmp_path / "a.onnx"))
    (tmp_path / "Mug").mkdir()
    scan = write_ply(tmp_path / "Mug" / "a.ply", cloud(50))
    (found,) = predictor.predict([scan])
    assert (found.category_name, set(found.labels.tolist()) <= {5, 7}) == ("mug", True)
    with pytest.raises(DataError, match="has 7 points; at least 8 are needed"):
        predictor.label(cloud(7))
    with pytest.raises(ConfigError, match="did you mean 'mug'"):
        predictor.predict([scan], "mugg")


def test_a_file_is_for_one_task(tmp_path: Path) -> None:
    model = write(classifier(), tmp_path / "a.onnx")
    assert isinstance(open_onnx(model), OnnxPredictor)
    assert isinstance(open_onnx(write(segmenter(), tmp_path / "b.onnx")), OnnxPartPredictor)
    with pytest.raises(CheckpointError, match="is for classification, not for part_segmentation"):
        OnnxPartPredictor(model)
    with pytest.raises(ConfigError, match="unknown up_axis 'w'"):
        OnnxPredictor(model, up_axis="w")


def test_density_and_mesh_samples_are_those_of_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    density = {"spacing": [1e-4, 2e-4], "extent": [1.0, 2.0]}
    predictor = OnnxPredictor(write(classifier(density=density, mesh_samples=77), tmp_path / "a.onnx"))
    predictor.predict([write_ply(tmp_path / "a.ply", cloud(50))])
    assert "a.ply: its points lie" in capsys.readouterr().err
    (tmp_path / "a.off").write_text("OFF\n4 2 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n")
    assert predictor.predict([tmp_path / "a.off"])[0].num_points == 77


def test_the_import_brings_no_torch_and_takes_no_time() -> None:
    code = "import sys, pointlora.prediction.onnx\nheavy = {'torch', 'matplotlib', 'lightning', 'onnx', 'peft'}\n"
    code += "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


LIES: dict[str, tuple[Callable[..., Any], dict[str, Any], str]] = {
    "classes": (classifier, {"class_names": tuple("abcd")}, r"output logits is tensor\(float\) \['B', 3\].*4"),
    "features": (classifier, {"features": INTENSITY}, r"input points is tensor\(float\) \['B', 'N', 3\].*4"),
    "task": (segmenter, {"task": "classification", "parts": None, "class_names": tuple("abcd")}, "it has the inputs"),
    "parts": (segmenter, {"parts": PartSpace(("a", "b", "c"))}, "it has the inputs"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_a_file_says_of_itself_is_held_against_its_graph(tmp_path: Path, name: str) -> None:
    from pointlora.export import ExportDescription

    make, changes, message = LIES[name]
    model = make()
    values = {**COMMON, "task": "part_segmentation", "parts": SPACE}
    values |= {"task": "classification", "parts": None, "class_names": tuple("abc")} if make is classifier else {}
    model.metadata_props[0].value = ExportDescription(**(values | changes)).to_metadata()["pointlora"]
    with pytest.raises(CheckpointError, match=message) as raised:
        open_onnx(write(model, tmp_path / "a.onnx"))
    assert str(raised.value).startswith(f"{tmp_path / 'a.onnx'} is damaged: ")
