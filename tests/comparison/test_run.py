"""Whole comparisons: their runs, their table, and that one that is killed ends as one that isn't."""

import contextlib
import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pointlora.cli.main import main
from pointlora.comparison import cells as compare_cells
from pointlora.comparison.plan import search_cells, seed_cells
from pointlora.comparison.run import run_comparison
from pointlora.errors import ConfigError, DataError, PointLoraError
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.fit import fine_tune
from training_runs import PRECISION, die, same_in_every_comparison, start_comparison, stumble, tiny_comparison


def write(folder: Path, recipe) -> str:
    path = folder / "compare.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return str(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a comparison that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    assert main(["compare", write(folder, tiny_comparison(folder / "out"))]) == 0
    return folder / "out"


def test_the_table_is_made_of_ordinary_runs(whole, tmp_path, capsys):
    found = json.loads((whole / "comparison.json").read_text())
    assert [(row["label"], row["runs"]) for row in found["methods"]] == [("full", 2), ("lora 2", 2)]
    results = {
        (label, seed): json.loads((whole / label / f"seed_{seed}" / "results.json").read_text())
        for label in ("full", "lora 2")
        for seed in (0, 1)
    }
    mean = sum(results["lora 2", seed]["accuracy"] for seed in (0, 1)) / 2
    assert found["methods"][1]["accuracy_mean"] == pytest.approx(mean)
    lrs = [row["settings"].get("optimizer.lr") for row in found["runs"]]
    assert lrs[:2] == [None, None]
    searched = {row["settings"]["optimizer.lr"]: row["selection_accuracy"] for row in found["search"]}
    assert lrs[2] == lrs[3] == max(searched, key=searched.get)
    assert results["lora 2", 0]["recipe"]["optimizer"]["lr"] == lrs[2]
    assert {result["measured_on"] for result in results.values()} == {"test set"}
    for number in (0, 1):
        search = json.loads((whole / "lora 2" / f"search_{number}_seed_7" / "results.json").read_text())
        assert search["measured_on"] == "validation split"
    # Each run in a process of its own, whose memory is its own, not that of these tests.
    assert 50 < results["full", 0]["peak_memory_mib"] < 1500
    assert not list(whole.rglob("last.ckpt"))
    assert {path.suffix for path in whole.glob("comparison.*")} == {".yaml", ".json", ".csv", ".md", ".png"}
    again = from_mapping(CompareRecipe, tiny_comparison(tmp_path / "alone"))
    alone = fine_tune(seed_cells(again, {})[1].recipe)
    assert alone["confusion_matrix"] == results["full", 1]["confusion_matrix"]


def test_a_finished_comparison_is_shown_again_and_a_changed_one_is_refused(whole, tmp_path, capsys):
    before = (whole / "comparison.json").read_bytes()
    recipe = write(tmp_path, tiny_comparison(whole))
    assert main(["compare", recipe]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].startswith("method ")
    assert "lora 2, seed 1: accuracy" in printed.err
    assert printed.err.count("finished before") == 6
    assert (whole / "comparison.json").read_bytes() == before
    assert main(["compare", recipe, "--optimizer.weight_decay", "0.5"]) == 2
    assert "optimizer.weight_decay = 0.05 for full, not 0.5" in capsys.readouterr().err
    # Without comparison.yaml, the runs themselves still know.
    config = whole / "full" / "seed_0" / "config.yaml"
    cell = seed_cells(from_mapping(CompareRecipe, tiny_comparison(whole, optimizer={"clip_norm": 5.0})), {})[0]
    assert config.is_file()
    with pytest.raises(ConfigError, match=r"seed_0 holds a finished run with optimizer.warmup_epochs = 1, not 10"):
        compare_cells.finish_cells([cell], 1, compare_cells.Progress(1, print))


def test_info_knows_a_comparison(whole, tmp_path, capsys):
    assert main(["info", str(whole), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["finished"], found["runs_done"]) == ("comparison", True, 4)
    assert found["methods"] == ["full", "lora 2"]
    accuracy = json.loads((whole / "comparison.json").read_text())["methods"][0]["accuracy_mean"]
    assert found["accuracy"]["full"] == accuracy


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    """The folder of learning curves, to which a number of labels was added later; what was said then."""
    folder = tmp_path_factory.mktemp("curves")
    changes = {"methods": {"head_only": {}}, "seeds": [1], "training": FAST}
    assert main(["compare", write(folder, tiny_comparison(folder / "out", **changes)), "--no-report"]) == 0
    changes["labels_per_class"] = ["all", 50, 2]
    recipe = write(folder, tiny_comparison(folder / "out", **changes))
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        assert main(["compare", recipe]) == 0
    return folder / "out", said.getvalue()


FAST = {"epochs": 1, "batch_size": 8, "workers": 0, "tensorboard": False, **PRECISION}


def test_learning_curves_have_a_row_for_each_number_of_labels(curves):
    folder, said = curves
    assert "comparing 1 methods with 3 numbers of labels, 3 runs" in said
    assert said.count("finished before") == 1  # that with all labels
    assert "head_only, labels 2, seed 1: accuracy" in said
    found = json.loads((folder / "comparison.json").read_text())
    rows = [(row["labels_per_class"], row["label"], row["labels_a_class"]) for row in found["methods"]]
    # A tenth of 36 clouds validates.
    assert rows == [
        (2, "head_only", 2),
        (50, "head_only", 32 / 3),
        ("all", "head_only", 32 / 3),
    ]
    by_run = {(run["label"], run["labels_per_class"], run["seed"]): run for run in found["runs"]}
    assert len(by_run) == 3
    # All that there are is all: the same labels, the same run.
    assert by_run["head_only", 50, 1]["accuracy"] == by_run["head_only", "all", 1]["accuracy"]
    assert by_run["head_only", 50, 1]["selection_accuracy"] == by_run["head_only", "all", 1]["selection_accuracy"]
    assert [by_run["head_only", labels, 1]["selection_clouds"] for labels in (2, 50, "all")] == [4, 4, 4]
    results = json.loads((folder / "head_only" / "labels_2" / "seed_1" / "results.json").read_text())
    assert by_run["head_only", 2, 1]["accuracy"] == results["accuracy"]
    assert results["recipe"]["data"]["labels_per_class"] == 2
    single = from_mapping(TrainRecipe, {**results["recipe"], "output": str(folder.parent / "alone")})
    assert fine_tune(single)["confusion_matrix"] == results["confusion_matrix"]


def test_learning_curves_are_drawn_and_told(curves, capsys):
    folder, _ = curves
    assert (
        "50 labels a class are wanted, there are 1" in (folder / "head_only" / "labels_50" / "seed_1.log").read_text()
    )
    table = (folder / "comparison.md").read_text()
    assert re.search(r"^\| head_only \| 2 \| ", table, re.MULTILINE)
    assert "Labels 50: 10.7 on average, as not every class has so many. Labels all: 10.7 on average." in table
    assert (folder / "comparison.labels.png").read_bytes()[:4] == b"\x89PNG"
    page = (folder / "report.html").read_text()
    assert "labels of each class to train on" in page
    assert "2, 50, all" in page
    rows = list(csv.DictReader((folder / "comparison.csv").open()))
    assert [row["labels_per_class"] for row in rows] == ["2", "50", "all"]
    assert all(float(row["seconds_per_cloud"]) > 0 for row in rows)
    capsys.readouterr()
    assert main(["info", str(folder), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["runs_done"], info["labels_per_class"]) == (3, [2, 50, "all"])
    assert list(info["accuracy"]) == [f"head_only, labels {labels}" for labels in (2, 50, "all")]


def test_parts_are_compared_by_their_own_figures(tmp_path, capsys):
    changes = {"task": "part_segmentation", "methods": {"head_only": {}}, "seeds": [0], "training": FAST}
    recipe = write(tmp_path, tiny_comparison(tmp_path / "out", **changes))
    assert main(["compare", recipe, "--labels_per_class", "[1, 3]"]) == 0
    printed = capsys.readouterr()
    assert "head_only, labels 3, seed 0: instance mIoU " in printed.err
    assert "instance mIoU, %  class mIoU, %" in printed.out
    assert "Labels: of each category" in printed.out
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [(row["labels_per_class"], row["train_clouds"]) for row in found["methods"]] == [(1, 3), (3, 9)]
    results = json.loads((tmp_path / "out" / "head_only" / "labels_3" / "seed_0" / "results.json").read_text())
    assert found["methods"][1]["instance_miou_mean"] == results["instance_miou"]
    assert found["methods"][1]["class_miou_mean"] == results["class_miou"]
    assert "labels of each category to train on" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "words", "message"),
    [
        ({"methods": {"full": {}, "lora": {"rank": 99}}}, [], "lora, seed 0: rank 99 is larger than the width"),
        ({"methods": {"lora": {"targets": ["qkw"]}}}, [], "lora, seed 0: LoRA target 'qkw'"),
        ({"methods": {"full": {}}}, ["--model.checkpoint", "nowhere.pth"], "full, seed 0: .*nowhere.pth"),
        ({"methods": {"full": {}}}, ["--data.name", "npz"], "full, seed 0: .*'npz'"),
        ({"seeds": []}, [], "seeds is empty"),
        ({"methods": {"a/b": {"name": "full"}}}, [], "label 'a/b'"),
        ({"methods": {"pointlra": {}}}, [], "methods.pointlra: .* did you mean 'pointlora'"),
        ({}, ["--seed", "1"], "unknown option '--seed': did you mean '--seeds'"),
        (
            {},
            ["--labels_per_class", "[1, 0]"],
            "each of labels_per_class is 0, but it must be an integer",
        ),
        ({}, ["--labels_per_class", "[2, 2]"], "labels_per_class is .2, 2., but each count may appear only once"),
        ({}, ["--labels_per_class", "[1.5]"], "each of labels_per_class is"),
        ({}, ["--labels_per_class", "[2]", "--data.label_fraction", "0.5"], "data.label_fraction 0.5: give one of"),
        ({}, ["--training.protocol", "paper"], "chooses the best epoch on the test set"),
    ],
)
def test_what_cannot_work_is_one_line_and_writes_nothing(tmp_path, changes, words, message, capsys):
    recipe = write(tmp_path, tiny_comparison(tmp_path / "out", **changes))
    assert main(["compare", recipe, *words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("comparing ")]
    assert len(lines) == 1
    assert re.match(f"pointlora: error: .*{message}", lines[0])
    assert not (tmp_path / "out").exists()


def test_a_label_given_twice(tmp_path, capsys):
    path = tmp_path / "twice.yaml"
    path.write_text("methods:\n  full: {}\n  lora: {}\n  full: {name: lora}\n")
    assert main(["compare", str(path)]) == 2
    assert "'full' appears twice" in capsys.readouterr().err


def test_how_runs_end(tmp_path):
    cell = seed_cells(from_mapping(CompareRecipe, tiny_comparison(tmp_path / "out")), {})[0]
    cell.log.parent.mkdir(parents=True)
    for work, message in ((die, "full, seed 0: its process ended with code -9"), (stumble, "ended with code 1")):
        with pytest.raises(PointLoraError, match=message) as caught:
            compare_cells.receive(*compare_cells.start(work, cell.recipe, str(cell.log), 1), cell)
        assert str(cell.log) in str(caught.value)
    log = cell.log.read_text()
    assert "before it fell" in log
    assert "RuntimeError: a stone" in log
    with pytest.raises(DataError, match="^full, seed 0: cloud.ply: is bad$"):
        compare_cells.receive(*compare_cells.start(spoil, cell.recipe, str(cell.log), 0), cell)


def spoil(recipe):
    raise DataError("cloud.ply: is bad")


def test_threads_are_shared(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(8), raising=False)
    assert [compare_cells.threads_for(jobs) for jobs in (1, 2, 3, 16)] == [0, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert compare_cells.threads_for(2) == 0


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and theirs."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int, folder: Path, finished: int, wait: float) -> None:
    """Kill a comparison so many seconds after `finished` runs have ended, and see that its runs die with it."""
    end = time.monotonic() + 120
    while alive(pid) and len(list(folder.rglob("results.json"))) < finished:
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(wait)
    started = descendants(pid)
    os.kill(pid, signal.SIGKILL)
    while any(map(alive, started)):
        assert time.monotonic() < end, "a killed comparison leaves processes behind"
        time.sleep(0.01)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
def test_a_killed_comparison_ends_as_one_that_was_not(whole, tmp_path):
    mapping = tiny_comparison(tmp_path / "out")
    for finished, wait in ((1, 0.1), (4, 0.3)):
        process = start_comparison(mapping)
        kill(process.pid, tmp_path / "out", finished, wait)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert len(list((tmp_path / "out").glob("*/*/results.json"))) < 6
    assert main(["compare", write(tmp_path, mapping)]) == 0
    assert same_in_every_comparison(tmp_path / "out") == same_in_every_comparison(whole)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
@pytest.mark.parametrize("jobs", [1, 2])
def test_kills_at_random_times(tmp_path, monkeypatch, jobs):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    methods = {"full": {}, "pointlora": {"rank": 2}, "head_only": {}}
    changes = {"methods": methods, "search": {"optimizer.lr": [1e-3, 1e-2]}, "seeds": [0, 1], "jobs": jobs}
    changes["labels_per_class"] = [2, "all"]
    mapping = tiny_comparison(tmp_path / "killed", **changes)
    generator = random.Random(jobs)
    command = [sys.executable, "-m", "pointlora.cli.main", "compare", write(tmp_path, mapping)]
    for number in range(10):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        kill(process.pid, tmp_path / "killed", 2 * number, generator.uniform(0, 2))
        assert process.wait() == -signal.SIGKILL
    assert main(["compare", write(tmp_path, mapping)]) == 0
    whole = run_whole(tmp_path, tiny_comparison(tmp_path / "whole", **changes))
    assert same_in_every_comparison(tmp_path / "killed") == same_in_every_comparison(whole)


def run_whole(folder: Path, mapping) -> Path:
    assert main(["compare", write(folder, mapping)]) == 0
    return Path(mapping["output"])


def test_progress_and_counts():
    lines: list[str] = []
    recipe = from_mapping(CompareRecipe, tiny_comparison(Path("nowhere")))
    progress = compare_cells.Progress(12, lines.append)
    cell = search_cells(recipe)[0]
    progress.begins(cell)
    progress.ends(cell, {"measured_on": "validation split", "accuracy": 0.5, "training_seconds": 61.2})
    assert lines == [
        "[ 0/12] lora 2, search optimizer.lr=0.001, seed 7: starts; see nowhere/lora 2/search_0_seed_7.log",
        "[ 1/12] lora 2, search optimizer.lr=0.001, seed 7: validation accuracy 50.00 %, 61 s",
    ]


def test_lines_go_where_they_are_told(tmp_path):
    lines: list[str] = []
    recipe = from_mapping(CompareRecipe, tiny_comparison(tmp_path / "out", methods={"head_only": {}}, seeds=[0]))
    found = run_comparison(recipe, lines.append)
    assert [cell.name for cell, _ in found.runs] == ["head_only, seed 0"]
    assert found.searched == []
    assert lines[0] == "comparing 1 methods, 1 runs and 0 to choose settings"
    assert lines[-1].startswith("[1/1] head_only, seed 0: accuracy ")
