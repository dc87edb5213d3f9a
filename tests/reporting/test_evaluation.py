"""Pages of evaluations: figures are those that were measured."""

import json

import pytest

from part_samples import PLAIN_SPACE, write_part_adapter, write_part_folder
from pointlora.reporting.evaluation import evaluation_report
from pointlora.reports.page.render import render
from pointlora.training.evaluate_adapter import evaluate_adapter

GIVEN = {
    "base": None,
    "data_name": None,
    "root": None,
    "options": {},
    "cache": "off",
    "split": "test",
    "num_points": None,
    "votes": 1,
    "seed": 0,
    "batch_size": 8,
    "workers": 0,
    "accelerator": "cpu",
    "precision": "32",
    "label_name": None,
    "label_column": None,
}


def test_of_parts_without_categories(tmp_path):
    adapter = write_part_adapter(tmp_path / "adapter", PLAIN_SPACE)
    given = GIVEN | {"data_name": "folder", "root": str(write_part_folder(tmp_path / "data")), "split": "train"}
    metrics, about = evaluate_adapter(adapter, **given)
    figures = metrics.as_dict()
    report = evaluation_report(adapter, given, {**figures, **about}, ["--adapter", str(adapter)])
    assert {figure.key: figure.value for figure in report.head.figures}.items() <= figures.items()
    assert {row.name: row.value for row in report.table.rows} == {
        name: pytest.approx(iou) for name, iou in figures["per_part"]["all"].items()
    }
    assert all(row.group == "" for row in report.table.rows)
    assert len(report.clouds) == figures["count"]
    assert report.clouds[0].true is None
    assert report.embedding.true.tolist() == [-1] * figures["count"]
    page = render(report)
    assert str(tmp_path) not in page
    assert f'data-value="{figures["instance_miou"]}"' in page


def test_of_a_classifier_by_votes(run):
    adapter = run / "adapter"
    given = GIVEN | {"votes": 3, "seed": 5}
    metrics, about = evaluate_adapter(adapter, **given)
    report = evaluation_report(adapter, given, {**metrics.as_dict(), **about}, ["--votes", "3"])
    results = json.loads((run / "results.json").read_text())
    assert report.names == tuple(results["class_names"])
    found = [[0] * 3 for _ in range(3)]
    for cloud in report.clouds:
        found[cloud.true][cloud.predicted] += 1
        assert sum(chance for _, chance in cloud.probabilities) == pytest.approx(1)
    assert found == report.confusion.counts.tolist() == metrics.confusion.tolist()
    assert report.notes == []
    assert report.head.command == "pointlora evaluate --votes 3"
    assert "test set" in report.head.warning
    assert report.head.adapter_bytes == results["adapter_bytes"]
