"""Part segmentation as a user calls it, in this process."""

import json

import numpy as np
import pytest

from command_line import error_of, write
from part_samples import write_part_folder
from pointlora.cli.main import main
from training_runs import tiny_parts, tiny_pretraining, tiny_recipe


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Pre-train, then learn parts on the result; the folder holds both runs."""
    folder = tmp_path_factory.mktemp("pipeline")
    assert main(["pretrain", write(folder, tiny_pretraining(folder / "pretrained", epochs=1))]) == 0
    recipe = write(folder, tiny_recipe(folder / "parts", epochs=1))
    weights = folder / "pretrained" / "model.safetensors"
    assert main(["train", recipe, "--task", "part_segmentation", "--model.checkpoint", str(weights)]) == 0
    return folder


def test_training_on_pretrained_weights_reports_both_means(pipeline, tmp_path, capsys):
    results = json.loads((pipeline / "parts" / "results.json").read_text())
    assert results["recipe"]["task"] == "part_segmentation"
    capsys.readouterr()
    assert main(["train", write(tmp_path, tiny_parts(tmp_path / "run", epochs=1))]) == 0
    printed = capsys.readouterr()
    assert "instance mIoU" in printed.out
    assert "class mIoU" in printed.out
    assert "chair" in printed.out
    assert "epoch 1/1" in printed.err
    assert "instance mIoU" in printed.err


def test_evaluate_finds_base_and_data_by_itself(pipeline, capsys):
    assert main(["evaluate", "--adapter", str(pipeline / "parts"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    results = json.loads((pipeline / "parts" / "results.json").read_text())
    assert found["per_part"] == results["per_part"]
    assert found["selected_on"] == "validation split"
    assert main(["evaluate", "--adapter", str(pipeline / "parts" / "adapter"), "--votes", "2"]) == 0
    text = capsys.readouterr().out
    assert "2 votes" in text
    assert "class mIoU" in text


def test_info_says_what_it_is(pipeline, capsys):
    assert main(["info", str(pipeline / "parts" / "adapter")]) == 0
    text = capsys.readouterr().out
    assert "part_segmentation" in text
    assert "chair seat" in text
    assert main(["info", str(pipeline / "parts"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "part_segmentation"


def test_other_data_with_the_same_parts_is_measured_and_other_parts_are_refused(pipeline, tmp_path, capsys):
    options = json.dumps({"num_points": 200, "categories": ["chair", "mug", "rocket"], "test_size": 3})
    arguments = [
        "evaluate",
        "--adapter",
        str(pipeline / "parts"),
        "--data.name",
        "procedural",
        "--data.options",
        options,
    ]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["points"] == 600
    assert main([*arguments[:5], "--data.options", json.dumps({"test_size": 3})]) == 2
    assert "knows the categories chair, mug, rocket" in error_of(capsys)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.zeros(79, int)}, "labels"),
        ({"labels": np.full(80, -1)}, "has label -1; parts are numbered from 0"),
        ({"labels": np.full(80, 0.5)}, "labels"),
        ({"labels": np.zeros(80, object)}, "has no part label"),
        ({}, "has no part label"),
    ],
)
def test_bad_labels_end_with_one_line_and_code_2(tmp_path, capsys, arrays, message):
    root = write_part_folder(tmp_path / "data")
    np.savez(root / "wrong.npz", points=np.random.default_rng(0).normal(size=(80, 3)), **arrays)
    recipe = tiny_parts(tmp_path / "run")
    recipe["data"] = {"name": "folder", "root": str(root), "num_points": 64, "cache": "off"}
    assert main(["train", write(tmp_path, recipe)]) == 2
    error = error_of(capsys)
    assert "wrong.npz" in error
    assert message in error
    assert not (tmp_path / "run").exists()


def test_classification_files_are_not_mistaken_for_part_labels(tmp_path, capsys):
    recipe = tiny_parts(tmp_path / "run")
    recipe["data"] = {"name": "modelnet40", "root": str(tmp_path)}
    assert main(["train", write(tmp_path, recipe)]) == 2
    assert "unknown data set 'modelnet40'" in error_of(capsys)
    assert main(["train", "--task", "part_segmentaton"]) == 2
    assert "did you mean 'part_segmentation'" in error_of(capsys)
