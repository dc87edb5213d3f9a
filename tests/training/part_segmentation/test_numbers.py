"""Part labels that don't begin at 0 or have gaps: only those that occur are trained, counted and predicted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from part_samples import PLAIN_SPACE, labelled_cloud, write_npz, write_part_adapter
from pointlora.adapters.folder_config import read_adapter_config
from pointlora.adapters.loading import adapter_parts
from pointlora.data.parts import PartSpace, open_part_dataset
from pointlora.data.transforms import TransformConfig
from pointlora.errors import DataError
from pointlora.models.segmenter import SegmenterOutput
from pointlora.prediction import PartPredictor, write_prediction
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.evaluate_adapter import evaluate_adapter
from pointlora.training.fit import fine_tune
from pointlora.training.part_segmentation.evaluation import evaluate_parts
from training_runs import tiny_parts


class Constant(nn.Module):
    """Says the same part of every point, whatever else could be said."""

    def __init__(self, part: int, num_parts: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.eye(num_parts)[part])

    def forward(
        self, points: torch.Tensor, category: torch.Tensor | None = None, queries: torch.Tensor | None = None
    ) -> SegmenterOutput:
        asked = points if queries is None else queries
        return SegmenterOutput(self.scores.expand(*asked.shape[:2], -1), torch.zeros(()))


def write_folder(root: Path, parts: tuple[int, ...], count: int = 8) -> Path:
    for number in range(count):
        write_npz(root / f"cloud{number}.npz", *labelled_cloud(80, parts, seed=number))
    return root


def train(output: Path, root: Path, **options: object) -> dict[str, object]:
    data = {"name": "folder", "root": str(root), "num_points": 64, "cache": "off", "options": options}
    mapping = tiny_parts(output, epochs=1, batch_size=2) | {"data": data}
    return fine_tune(from_mapping(TrainRecipe, mapping))


@pytest.mark.parametrize("labels", [(2, 5, 6), (1000, 1100, 1200), (0, 65535)])
def test_absent_numbers_count_nowhere(tmp_path: Path, labels: tuple[int, ...]) -> None:
    dataset = open_part_dataset("folder", write_folder(tmp_path, labels), "all")
    assert dataset.space.numbers == labels
    assert dataset.space.part_names == tuple(f"part {number}" for number in labels)
    truth = np.concatenate([dataset.labelled_cloud(index)[1] for index in range(8)]).reshape(8, -1)
    assert sorted(set(truth.ravel())) == list(range(len(labels)))
    found = evaluate_parts(Constant(1, len(labels)), dataset, TransformConfig(num_points=64))
    # Of each shape, the part that is said everywhere has its share as IoU, and all others have 0.
    share = (truth == 1).mean(1)
    assert found.accuracy == pytest.approx(share.mean())
    assert found.instance_miou == pytest.approx((share / len(labels)).mean())
    assert list(found.per_part["all"]) == list(dataset.space.part_names)


def test_a_run_predicts_the_numbers_of_the_files(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data", (2, 5, 6))
    names = {2: "ground", 5: "tree", 6: "roof", 7: "water"}
    results = train(tmp_path / "run", root, part_names=names)
    assert (results["part_names"], results["numbers"]) == (["ground", "tree", "roof"], [2, 5, 6])
    again, _ = evaluate_adapter(tmp_path / "run" / "adapter")
    assert again.instance_miou == results["instance_miou"]
    predictor = PartPredictor(tmp_path / "run" / "adapter", device="cpu")
    assert predictor.model.num_parts == 3
    (one,) = predictor.predict([root / "cloud0.npz"])
    assert set(one.labels) <= {2, 5, 6}
    assert one.numbers == {"ground": 2, "tree": 5, "roof": 6}
    np.testing.assert_array_equal(np.array([2, 5, 6])[one.parts], one.labels)
    assert one.shares["tree"] == (one.labels == 5).mean()
    cloud, labels = write_prediction(one, tmp_path / "out" / "cloud0")
    np.testing.assert_array_equal(np.load(labels), one.labels)
    header = cloud.read_bytes().split(b"end_header")[0]
    for number, name in ((2, "ground"), (5, "tree"), (6, "roof")):
        assert f"comment pointlora label {number} {name}\n".encode() in header


def test_a_data_set_with_fewer_numbers_is_measured_by_the_adapters(tmp_path: Path) -> None:
    train(tmp_path / "run", write_folder(tmp_path / "data", (2, 5, 6)))
    fewer = write_folder(tmp_path / "fewer", (5, 6))
    found, _ = evaluate_adapter(tmp_path / "run/adapter", data_name="folder", root=str(fewer), split="all")
    predictor = PartPredictor(tmp_path / "run" / "adapter", device="cpu")
    right = 0
    for number in range(8):
        points, labels = labelled_cloud(80, (5, 6), seed=number)
        right += int((predictor.label(points) == labels).sum())
    assert int(found.correct.sum()) == pytest.approx(right, abs=2)
    assert found.space.numbers == (2, 5, 6)
    more = write_folder(tmp_path / "more", (2, 7))
    with pytest.raises(DataError, match="doesn't know part 'part 7' of the data set folder"):
        evaluate_adapter(tmp_path / "run" / "adapter", data_name="folder", root=str(more), split="all")


@pytest.mark.parametrize("label", [0, 1, 40])
def test_one_part_teaches_nothing(tmp_path: Path, label: int) -> None:
    root = write_folder(tmp_path / "data", (label,))
    with pytest.raises(DataError, match=f"every point has the same label, {label}: one part teaches nothing"):
        train(tmp_path / "run", root)
    assert not (tmp_path / "run").exists()
    # It can be measured and looked at, though.
    assert open_part_dataset("folder", root, "all").space.numbers == (label,)


def test_adapters_without_numbers_predict_as_before_and_are_measured_rightly(tmp_path: Path) -> None:
    space = PartSpace(tuple(f"part {number}" for number in range(7)))
    folder = write_part_adapter(tmp_path / "old", space)
    config = json.loads((folder / "adapter_config.json").read_text())
    del config["parts"]["numbers"]
    (folder / "adapter_config.json").write_text(json.dumps(config))
    assert adapter_parts(folder, read_adapter_config(folder)) == space
    points, _ = labelled_cloud(80, (0,))
    assert set(PartPredictor(folder, device="cpu").label(points)) - {2, 5, 6}  # any of the seven, as before
    root = write_folder(tmp_path / "data", (2, 5, 6))
    found, _ = evaluate_adapter(folder, data_name="folder", root=str(root), split="all")
    assert list(found.per_part["all"]) == ["part 2", "part 5", "part 6"]
    assert found.instance_miou < 0.6


def test_names_that_a_list_cannot_give(tmp_path: Path) -> None:
    root = write_folder(tmp_path, (2, 5, 6))
    with pytest.raises(DataError, match=r"has label 6, but there are 3 part names, of 0, 1, 2; name parts by number"):
        open_part_dataset("folder", root, "all", part_names=["ground", "tree", "roof"])
    names = ["-", "-", "ground", "-", "-", "tree", "roof"]
    assert open_part_dataset("folder", root, "all", part_names=names).space.part_names == ("ground", "tree", "roof")


def test_spaces_with_numbers() -> None:
    space = PartSpace(("ground", "roof"), numbers=(2, 6))
    assert PartSpace.from_dict(json.loads(json.dumps(space.as_dict()))) == space
    assert PLAIN_SPACE.numbers == (0, 1, 2)
    np.testing.assert_array_equal(
        space.parts_from(np.array([[6, 2], [-1, 3], [10**9, 0]])), [[1, 0], [-1, -1], [-1, -1]]
    )


def test_a_column_that_was_told_is_remembered(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for number in range(8):
        points, labels = labelled_cloud(80, (2, 5), seed=number)
        table = np.column_stack([points, labels, np.zeros(80)])
        np.savetxt(root / f"{number}.txt", table, header="x y z part other", comments="", fmt="%.6g")
    data = {"name": "folder", "root": str(root), "num_points": 64, "cache": "off", "label_name": "part"}
    mapping = tiny_parts(tmp_path / "run", epochs=1, batch_size=2) | {"data": data}
    results = fine_tune(from_mapping(TrainRecipe, mapping))
    adapter = tmp_path / "run" / "adapter"
    assert read_adapter_config(adapter)["data"]["label_name"] == "part"
    assert evaluate_adapter(adapter)[0].instance_miou == results["instance_miou"]
    told = evaluate_adapter(adapter, data_name="folder", root=str(root), label_column=4)[0]
    assert told.instance_miou == results["instance_miou"]
    with pytest.raises(DataError, match="has no part label"):
        evaluate_adapter(adapter, data_name="folder", root=str(root))
