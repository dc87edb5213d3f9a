"""Reports of finished runs: every figure is that of results.json, and names are data."""

from __future__ import annotations

import csv
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from pointlora.data.files import write_ply
from pointlora.errors import ConfigError
from pointlora.reporting.head import learning_of
from pointlora.reporting.options import ReportOptions
from pointlora.reporting.runs import report_of
from pointlora.reports.page.render import render
from report_examples import NAMES


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


class Texts(HTMLParser):
    """What a page says outside of scripts and styles, figures by their names, and the cells of its confusion matrix."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.figures, self.cells, self._open, self._cell = [], {}, {}, [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag in ("script", "style"):
            self._open.append(tag)
        if "data-key" in found:
            self.figures.setdefault(found["data-key"], set()).add(float(found["data-value"]))
        if tag == "button" and "data-predicted" in found:
            self._cell = int(found["data-true"]), int(found["data-predicted"])
        else:
            self._cell = None

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._open.pop()

    def handle_data(self, data):
        if self._open:
            return
        self.texts.append(data)
        if self._cell and data.strip():
            self.cells[self._cell] = int(data)


@pytest.fixture(scope="session")
def report(run):
    return report_of(run, ReportOptions(explain=2))


@pytest.fixture(scope="session")
def page(report):
    return render(report)


def test_every_figure_of_the_page_is_that_of_results_json(run, report, page):
    results, shown = results_of(run), Texts(page)
    for key in ("accuracy", "class_mean_accuracy"):
        assert shown.figures[key] == {results[key]}
    matrix = np.array(results["confusion_matrix"])
    assert shown.cells == {(int(t), int(p)): int(matrix[t, p]) for t, p in np.argwhere(matrix)}
    text = " ".join("".join(shown.texts).split())
    assert f"{results['trained_parameters'] / results['total_parameters']:.2%}".replace("%", " %") in text
    for figure in (results["accuracy"], results["class_mean_accuracy"], *results["per_class"].values()):
        assert f"{100 * figure:.1f} %" in text
    head = report.head
    assert (head.adapter_bytes, head.seconds) == (results["adapter_bytes"], results["seconds"])
    assert (head.memory_mib, head.trained_parameters) == (results["peak_memory_mib"], results["trained_parameters"])
    assert {row.name: row.value for row in report.table.rows} == results["per_class"]
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert report.learning.chosen == results["best_epoch"]
    loss, *_ = report.learning.curves
    assert list(loss.values) == [float(row["train_loss"]) for row in rows]
    assert "chosen on the test set" in head.warning
    assert head.warning in text


def test_clouds_agree_with_the_confusion_matrix(run, report):
    results = results_of(run)
    found = np.zeros((3, 3), dtype=int)
    for cloud in report.clouds:
        found[cloud.true, cloud.predicted] += 1
        assert cloud.wrong == (cloud.true != cloud.predicted)
        chances = dict(cloud.probabilities)
        assert cloud.surprise == pytest.approx(-np.log(chances[cloud.true]))
        assert max(chances, key=chances.get) == cloud.predicted
    assert found.tolist() == results["confusion_matrix"]
    assert report.notes == []
    assert report.clouds_measured == len(report.clouds) == results["count"]
    surprise = [cloud.surprise for cloud in report.clouds]
    assert surprise == sorted(surprise, reverse=True)
    assert report.calibration.bins
    assert sum(one.count for one in report.calibration.bins) == results["count"]


def test_what_is_known_of_each_cloud(report):
    for rank, cloud in enumerate(report.clouds):
        assert cloud.points.shape == (128, 3)
        assert cloud.centers.shape == (16, 3)
        assert 0 < cloud.attention.sum() < 1
        assert cloud.selected
        assert (cloud.explanation is not None) == (rank < 2)
        distances = [near.distance for near in cloud.neighbors]
        assert len(distances) == 3
        assert distances == sorted(distances)
        assert all(near.index < len(report.training) for near in cloud.neighbors)
    mapped = report.embedding
    assert sorted(mapped.cloud.tolist()) == list(range(len(report.clouds)))
    assert [report.clouds[place].name for place in mapped.cloud] == list(mapped.names)


def test_names_are_data_and_folders_stay_at_home(run, report, page):
    assert report.names == NAMES[1:4]
    assert all(any(name in text for text in Texts(page).texts) for name in NAMES[1:4])
    assert "<b>chair" not in page
    assert str(run.parent) not in page
    assert report.head.title == "pointlora on clouds.npz"
    assert "clouds.npz[" in report.clouds[0].name
    whole = report_of(run, ReportOptions(explain=0, paths=True))
    assert whole.clouds[0].name.startswith(str(run.parent / "clouds.npz"))
    assert str(run / "config.yaml") in whole.head.command


def test_the_same_every_time_and_nothing_of_the_run_changes(run, page):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert render(report_of(run, ReportOptions(explain=2))) == page
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_what_to_label_next(run, tmp_path):
    (tmp_path / "new").mkdir()
    for number in range(4):
        write_ply(tmp_path / "new" / f"{number}.ply", np.random.default_rng(number).normal(size=(200, 3)))
    (tmp_path / "new" / "broken.ply").write_text("ply")
    options = ReportOptions(explain=0, unlabelled=tmp_path / "new")
    found = report_of(run, options)
    assert sorted(one.name for one in found.label_next) == [f"{number}.ply" for number in range(4)]
    assert "1 of the unlabelled files can't be read." in found.notes
    shutil.rmtree(tmp_path / "new")
    (tmp_path / "new").mkdir()
    with pytest.raises(ConfigError, match="holds no point cloud"):
        report_of(run, options)


def test_without_its_data_the_figures_are_still_shown(run, tmp_path):
    moved = shutil.copytree(run, tmp_path / "run")
    results = results_of(run)
    results["recipe"]["data"]["root"] = str(tmp_path / "gone.npz")
    (moved / "results.json").write_text(json.dumps(results))
    found = report_of(moved, ReportOptions())
    assert found.clouds == ()
    assert "The clouds are not shown" in found.notes[0]
    assert str(tmp_path) not in found.notes[0]
    assert found.head.figures[0].value == results["accuracy"]
    assert Texts(render(found)).figures["accuracy"] == {results["accuracy"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["lamp", "new", *NAMES[1:3]]}, "other classes now than the run had"),
        ({"classes": [NAMES[2], NAMES[1], NAMES[3]]}, "in another order"),
        ({"is_test": 13 * [True] + 35 * [False]}, "13 clouds to measure, 12 in the run"),
    ],
)
def test_data_that_have_changed_since_are_not_shown_under_the_names_of_the_run(run, tmp_path, change, message):
    moved = shutil.copytree(run, tmp_path / "run")
    results = results_of(run)
    known = dict(np.load(results["recipe"]["data"]["root"]))
    np.savez(tmp_path / "changed.npz", **known | {key: np.array(value) for key, value in change.items()})
    results["recipe"]["data"]["root"] = str(tmp_path / "changed.npz")
    (moved / "results.json").write_text(json.dumps(results))
    found = report_of(moved, ReportOptions())
    assert found.clouds == ()
    assert message in found.notes[0]
    assert found.head.figures[0].value == results["accuracy"]


def test_curves_of_a_run_that_has_diverged(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,lr,train_loss,selection_accuracy\n1,0.1,2.5,0.5\n2,0.1,nan,\n")
    found = learning_of(tmp_path / "metrics.csv", {"best_epoch": 1})
    assert [list(curve.values) for curve in found.curves] == [[2.5, None], [0.5, None]]
    (tmp_path / "metrics.csv").write_text("epoch,lr\none,0.1\n")
    assert learning_of(tmp_path / "metrics.csv", {}) is None
    assert learning_of(tmp_path / "none.csv", {}) is None


def test_of_parts(parts_run):
    results, found = results_of(parts_run), report_of(parts_run, ReportOptions())
    shown = Texts(render(found))
    for figure in found.head.figures:
        assert shown.figures[figure.key] == {results[figure.key]}
        assert figure.low <= figure.value <= figure.high
    of = [(row.group, row.name, row.value) for row in found.table.rows]
    assert of == [(group, name, iou) for group, parts in results["per_part"].items() for name, iou in parts.items()]
    assert all(row.low <= row.value + 1e-9 and row.value <= row.high + 1e-9 for row in found.table.rows)
    assert len(found.clouds) == results["count"]
    mean = np.mean([cloud.iou for cloud in found.clouds])
    assert mean == pytest.approx(results["instance_miou"])
    right = [(cloud.parts_true == cloud.parts_predicted).mean() for cloud in found.clouds]
    assert np.mean(right) == pytest.approx(results["accuracy"])  # all 256 points of each are shown
    assert sum(one.count for one in found.calibration.bins) == results["points"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no finished run"),
        ({"results.json": "{"}, "results.json is damaged"),
        ({"results.json": "{}"}, "a run of pre-training"),
        ({"comparison.json": "{}"}, "isn't what a run writes"),
        (
            {"fewshot.json": '{"recipe": {}, "folds": [], "accuracy_mean": 0, "accuracy_std": 0}'},
            "isn't what a run writes",
        ),
    ],
)
def test_folders_that_have_no_report(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=re.escape(message)):
        report_of(tmp_path, ReportOptions())
    with pytest.raises(ConfigError, match="is no folder"):
        report_of(tmp_path / "none", ReportOptions())
