"""Whole part segmentation runs, in this process."""

import csv
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from part_samples import part_metrics, write_part_folder, write_shapenetpart
from pointlora.adapters.loading import adapter_parts, load_adapted_model
from pointlora.data.parts import PartSpace, open_part_dataset
from pointlora.errors import AdapterError, ConfigError, DataError
from pointlora.inspection import describe
from pointlora.recipes.files import from_mapping, read_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.evaluate_adapter import evaluate_adapter
from pointlora.training.fit import fine_tune
from pointlora.training.part_segmentation.evaluation import check_space, evaluate_parts
from pointlora.training.part_segmentation.task import open_part_splits
from pointlora.training.run_outputs import results_table
from training_runs import OPTIONS, tiny_parts


def train(output, data=None, **training):
    recipe = tiny_parts(output, **training)
    recipe["data"] = data or recipe["data"]
    return fine_tune(from_mapping(TrainRecipe, recipe))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts") / "run"
    recipe = tiny_parts(folder, epochs=20)
    recipe["optimizer"] = {"warmup_epochs": 1, "lr": 0.01}
    return folder, fine_tune(from_mapping(TrainRecipe, recipe))


def test_every_output_is_there(run):
    folder, results = run
    assert json.loads((folder / "results.json").read_text()) == results
    assert from_mapping(TrainRecipe, read_mapping(folder / "config.yaml")).task == "part_segmentation"
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert len(rows) == 20
    best = max(rows, key=lambda row: float(row["selection_instance_miou"]))
    assert float(best["selection_instance_miou"]) == results["selection_instance_miou"]
    assert int(best["epoch"]) == results["best_epoch"]
    assert {"selection_class_miou", "selection_accuracy"} <= rows[0].keys()
    assert (results["count"], results["points"]) == (12, 12 * 256)  # every point, though the network sees 128
    table = list(csv.DictReader((folder / "part_iou.csv").open()))
    assert {row["category"] for row in table} == set(OPTIONS["categories"])
    assert float(table[0]["iou"]) == results["per_part"]["chair"][table[0]["part"]]
    assert f"{100 * results['instance_miou']:.2f} %  of 12" in results_table(results)
    assert results["selected_on"] == "validation split"


def test_the_adapter_says_what_its_outputs_mean(run):
    folder, results = run
    model, config = load_adapted_model(folder / "adapter")
    space = adapter_parts(folder / "adapter", config)
    assert space.categories == tuple(OPTIONS["categories"])
    assert (model.num_parts, model.num_categories) == (space.num_parts, 3)
    assert config["base_model"]["task"] == "part_segmentation"
    assert config["metrics"] == {name: results[name] for name in ("instance_miou", "class_miou", "accuracy")}
    found = describe(folder / "adapter")
    assert (found["task"], found["parts"], found["categories"]) == (
        "part_segmentation",
        list(space.part_names),
        list(space.categories),
    )
    described = describe(folder)
    assert (described["task"], described["instance_miou"]) == ("part_segmentation", results["instance_miou"])


def test_the_adapter_gives_the_reported_figures(run):
    folder, results = run
    metrics, about = evaluate_adapter(folder / "adapter", batch_size=5)
    assert metrics.as_dict() == {key: results[key] for key in metrics.as_dict()}
    assert about["selected_on"] == "validation split"


def test_figures_are_those_of_labelling_every_point_of_each_cloud(run):
    folder, _ = run
    model, config = load_adapted_model(folder / "adapter")
    space = adapter_parts(folder, config)
    dataset = open_part_dataset("procedural", split="test", **OPTIONS)
    truth, predicted = [], []
    for index in range(len(dataset)):
        points, parts = dataset.labelled_cloud(index)
        category = int(dataset.labels[index])
        from pointlora.data.transforms import PointTransform, TransformConfig, normalize_unit_sphere

        seen = PointTransform(TransformConfig(128), train=False)([points], [(0, 0)])
        queries = torch.from_numpy(normalize_unit_sphere(points))[None]
        with torch.no_grad():
            scores = model(torch.from_numpy(seen), torch.tensor([category]), queries).logits[0]
        own = list(space.parts_of[category])
        predicted.append(np.array(own)[scores[:, own].argmax(1).numpy()])
        truth.append(parts)
    expected = part_metrics(truth, predicted, dataset.labels.tolist(), space)
    found, _ = evaluate_adapter(folder / "adapter")
    assert found.instance_miou == pytest.approx(expected.instance_miou, abs=1e-3)
    assert found.accuracy == pytest.approx(expected.accuracy, abs=1e-3)


def test_votes_are_stateless_and_differ_from_one_look(run):
    folder = run[0] / "adapter"
    first = evaluate_adapter(folder, votes=3, batch_size=4)[0]
    again = evaluate_adapter(folder, votes=3, batch_size=12, workers=1)[0]
    assert np.array_equal(first.intersections, again.intersections)
    assert np.array_equal(first.category, again.category)
    once = evaluate_adapter(folder)[0]
    assert not np.array_equal(first.intersections, once.intersections)
    with pytest.raises(ConfigError, match="votes is 0"):
        evaluate_adapter(folder, votes=0)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path):
    for name, settings in {"one": {}, "same": {"workers": 2}, "other": {"seed": 1}}.items():
        train(tmp_path / name, **settings)
    one, same, other = (
        load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in ("one", "same", "other")
    )
    assert all(torch.equal(value, same[key]) for key, value in one.items())
    assert not all(torch.equal(value, other[key]) for key, value in one.items())


def test_it_learns(run):
    folder, results = run
    losses = [float(row["train_loss"]) for row in csv.DictReader((folder / "metrics.csv").open())]
    assert losses[-1] < 0.5 * losses[0]
    assert results["accuracy"] > 0.75
    assert results["instance_miou"] > 0.5


@pytest.mark.parametrize("categories", [None, {"high": (2, 3), "low": (0, 1)}])
def test_a_folder_with_and_without_categories(tmp_path, categories):
    root = write_part_folder(tmp_path / "data", categories)
    data = {"name": "folder", "root": str(root), "num_points": 64, "cache": str(tmp_path / "cache")}
    results = train(tmp_path / "run", data, epochs=1, batch_size=2)
    assert results["categories"] == list(categories or ())
    metrics, _ = evaluate_adapter(tmp_path / "run" / "adapter")
    assert metrics.instance_miou == results["instance_miou"]
    if categories:
        # A folder with one of the categories only is measured by the adapter's numbering.
        write_part_folder(tmp_path / "more", {"high": (2, 3)})
        found, _ = evaluate_adapter(
            tmp_path / "run" / "adapter", data_name="folder", root=str(tmp_path / "more"), split="all"
        )
        assert found.shapes == [5, 0]
        assert found.per_category["low"] is None
    model, _ = load_adapted_model(tmp_path / "run" / "adapter")
    assert model.num_categories == (2 if categories else 0)


class TestSplits:
    """What is trained on, chosen on and reported."""

    def recipe(self, tmp_path, **training):
        mapping = tiny_parts(tmp_path / "run", **training)
        data = {"name": "shapenetpart", "root": str(write_shapenetpart(tmp_path / "data")), "cache": "off"}
        return from_mapping(TrainRecipe, mapping | {"data": data})

    def test_shapenetparts_own_validation_split_chooses(self, tmp_path):
        splits = open_part_splits(self.recipe(tmp_path))
        assert (len(splits.train), len(splits.selection), len(splits.reported)) == (6, 4, 4)
        assert splits.selection.split == "validation"

    def test_the_papers_protocol_trains_on_it_too(self, tmp_path):
        splits = open_part_splits(self.recipe(tmp_path, protocol="paper"))
        assert (len(splits.train), len(splits.reported)) == (10, 4)
        assert splits.selection is splits.reported

    def test_the_test_split_stays_closed_where_it_is_not_measured(self, tmp_path):
        recipe = self.recipe(tmp_path, measure_test=False)
        (tmp_path / "data" / "02691156" / "test0.txt").unlink()
        splits = open_part_splits(recipe)
        assert splits.reported is splits.selection
        assert [len(splits.reported.cloud(index)) for index in range(4)] == [80, 81, 80, 81]

    def test_of_others_a_part_of_the_training_split_is_taken(self, tmp_path):
        splits = open_part_splits(from_mapping(TrainRecipe, tiny_parts(tmp_path / "run")))
        assert (len(splits.train), len(splits.selection)) == (32, 4)
        assert splits.selection.space == splits.train.space


def test_shapenetpart_end_to_end_by_the_papers_protocol(tmp_path):
    root = write_shapenetpart(tmp_path / "data")
    data = {"name": "shapenetpart", "root": str(root), "num_points": 64, "cache": str(tmp_path / "cache")}
    results = train(tmp_path / "run", data, epochs=1, batch_size=4, protocol="paper")
    assert results["selected_on"] == "test set (papers' protocol)"
    assert results["selection_instance_miou"] == results["instance_miou"]
    assert (results["shapes"]["Airplane"], results["shapes"]["Laptop"], results["shapes"]["Table"]) == (2, 2, 0)
    assert results["per_category"]["Table"] is None


def test_the_last_epoch_can_be_taken_without_choosing(tmp_path):
    results = train(tmp_path / "run", protocol="last", epochs=1)
    assert results["selection_instance_miou"] is None
    assert "last epoch, none was chosen" in results_table(results)


def test_spaces_that_do_not_fit_are_named(tmp_path):
    dataset = open_part_dataset("procedural", train_size=4, num_points=20, categories=["chair", "mug"])
    own = dataset.space
    check_space(own, dataset, "the adapter a")
    with pytest.raises(DataError, match="the adapter a knows the categories chair; the data set procedural has chair"):
        check_space(PartSpace(own.part_names, ("chair",), (own.parts_of[0],)), dataset, "the adapter a")
    other = PartSpace(("x", *own.part_names[1:]), own.categories, own.parts_of)
    with pytest.raises(DataError, match=f"doesn't know part '{own.part_names[0]}'"):
        check_space(other, dataset, "the adapter a")
    fewer = PartSpace(own.part_names, own.categories, (own.parts_of[0][:-1], own.parts_of[1]))
    with pytest.raises(DataError, match="as a part of chair"):
        check_space(fewer, dataset, "the adapter a")


def test_adapters_of_other_tasks_and_damaged_ones_are_refused(run):
    _, config = load_adapted_model(run[0] / "adapter")
    with pytest.raises(AdapterError, match="is for classification, not for part_segmentation"):
        adapter_parts("a", {**config, "base_model": {**config["base_model"], "task": "classification"}})
    with pytest.raises(AdapterError, match="doesn't say which parts"):
        adapter_parts("a", {key: value for key, value in config.items() if key != "parts"})
    with pytest.raises(AdapterError, match="names 1 parts"):
        adapter_parts("a", {**config, "parts": PartSpace(("x",)).as_dict()})


def test_settings_of_another_task_are_refused(tmp_path):
    mapping = tiny_parts(tmp_path / "run")
    mapping["model"]["head_dims"] = [8, 8, 8, 8]
    assert from_mapping(TrainRecipe, mapping).model.head_dims == [8, 8, 8, 8]
    with pytest.raises(ConfigError, match=r"model\.head_dims belongs to task part_segmentation"):
        from_mapping(TrainRecipe, mapping | {"task": "classification"})
    with pytest.raises(ConfigError, match="unknown task 'segmentation': did you mean 'part_segmentation'"):
        from_mapping(TrainRecipe, mapping | {"task": "segmentation"})
    with pytest.raises(ConfigError, match="unknown data set 'modelnet40'"):
        train(tmp_path / "run", {"name": "modelnet40", "root": str(tmp_path)})
    assert not (tmp_path / "run").exists()


def test_a_bad_label_stops_a_run_before_its_folder_is_made(tmp_path):
    root = write_part_folder(tmp_path / "data")
    np.savez(root / "wrong.npz", points=np.zeros((80, 3)), labels=np.full(80, -2))
    with pytest.raises(DataError, match=r"wrong\.npz: point 0 has label -2"):
        train(tmp_path / "run", {"name": "folder", "root": str(root), "num_points": 64, "cache": "off"})
    assert not (tmp_path / "run").exists()


def test_evaluation_leaves_the_callers_randomness_alone(run):
    model, _ = load_adapted_model(run[0] / "adapter")
    dataset = open_part_dataset("procedural", split="test", **{**OPTIONS, "test_size": 3})
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    from pointlora.data.transforms import TransformConfig

    evaluate_parts(model, dataset, TransformConfig(64), votes=2)
    assert torch.equal(torch.rand(1), expected)
