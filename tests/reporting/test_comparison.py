"""Pages of comparisons and of few-shot folds: figures are those of their files."""

import json

import pytest

from pointlora.reporting.options import ReportOptions
from pointlora.reporting.runs import report_of
from pointlora.reports.method_summary import summarize_methods
from pointlora.reports.page.render import render


def results(label, seed, accuracy, trained):
    return {
        "label": label,
        "seed": seed,
        "accuracy": accuracy,
        "class_mean_accuracy": accuracy - 0.1,
        "trained_parameters": trained,
        "head_parameters": 1_000,
        "total_parameters": 11_000,
        "adapter_bytes": 2_345_678,
        "peak_memory_mib": 1000.0,
        "median_seconds_per_step": 0.02,
        "training_seconds": 10.0 + seed,
        "recipe": {"method": {"name": label}, "optimizer": {"lr": 0.001}},
    }


def test_of_a_comparison(tmp_path):
    runs = [results("full", seed, value, 11_000) for seed, value in enumerate([0.6, 0.7, 0.8])]
    runs += [results("lora 2", seed, value, 1_200) for seed, value in enumerate([0.62, 0.74, 0.83])]
    content = {
        "title": "point_mae on procedural",
        "reference": "full",
        "measured_on": "test set",
        "selected_on": "validation split",
        "methods": [method.as_dict() for method in summarize_methods(runs, "full")],
        "runs": runs,
    }
    (tmp_path / "comparison.json").write_text(json.dumps(content))
    (tmp_path / "comparison.yaml").write_text("model: {name: point_mae}\ndata: {name: procedural, label_fraction: 0.1}")
    report = report_of(tmp_path, ReportOptions())
    full, lora = report.comparison.rows
    assert lora.values == [0.62, 0.74, 0.83]
    assert (lora.mean, lora.std) == pytest.approx((0.73, 0.1053565), abs=1e-6)
    # Student's t of two degrees of freedom.
    assert (lora.low, lora.high) == pytest.approx((0.73 - 4.302653 * 0.1053565 / 3**0.5, 0.9917199), abs=1e-6)
    assert (full.difference, lora.difference) == (None, pytest.approx(0.03))
    assert (lora.difference_low, lora.difference_high) == pytest.approx((0.0051586, 0.0548414), abs=1e-6)
    assert (lora.trained_parameters, lora.labels, lora.seconds) == (1_200, 0.1, 11)
    assert report.comparison.runs == ["seed 0", "seed 1", "seed 2"]
    assert report.head.backbone == "point_mae"
    assert "73.0" in render(report)


def test_of_learning_curves(tmp_path):
    runs = [
        {**results(label, seed, value + 0.01 * seed, trained), "labels_per_class": labels, **counts}
        for label, trained, values in (("full", 11_000, (0.4, 0.8)), ("lora 2", 1_200, (0.5, 0.7)))
        for labels, value, found in ((2, values[0], 2), ("all", values[1], 30))
        for counts in ({"train_clouds": 3 * found, "train_classes": 3, "seconds_per_cloud": 0.002},)
        for seed in (0, 1)
    ]
    content = {
        "title": "point_mae on procedural",
        "task": "classification",
        "reference": "full",
        "measured_on": "test set",
        "selected_on": "validation split",
        "methods": [method.as_dict() for method in summarize_methods(runs, "full")],
        "runs": runs,
    }
    (tmp_path / "comparison.json").write_text(json.dumps(content))
    report = report_of(tmp_path, ReportOptions())
    rows = report.comparison.rows
    assert [(row.name, row.labels_per_class, row.values[0]) for row in rows] == [
        ("full", 2, 0.4),
        ("lora 2", 2, 0.5),
        ("full", "all", 0.8),
        ("lora 2", "all", 0.7),
    ]
    assert [row.difference for row in rows] == [None, pytest.approx(0.1), None, pytest.approx(-0.1)]
    assert [row.labels_a_class for row in rows] == [2, 2, 30, 30]
    assert report.comparison.runs == ["seed 0", "seed 1"]
    page = render(report)
    assert "labels a class" in page
    assert "labels of each class to train on (logarithmic)" in page
    assert "2\N{NO-BREAK SPACE}ms" in page
    assert "Seed by seed, all labels" in page


def test_of_few_shot_folds(tmp_path):
    folds = [
        {"fold": at, "accuracy": value, "count": 9, "trained_parameters": 77} for at, value in enumerate((0.5, 0.9))
    ]
    content = {
        "ways": 5,
        "shots": 10,
        "accuracy_mean": 0.7,
        "accuracy_std": 0.2828427,
        "selected_on": "test set (papers' protocol)",
        "folds": folds,
        "recipe": {"method": {"name": "lora"}, "model": {"name": "point_mae"}, "data": {"name": "modelnet40"}},
    }
    (tmp_path / "fewshot.json").write_text(json.dumps(content))
    report = report_of(tmp_path, ReportOptions())
    (row,) = report.comparison.rows
    assert row.values == [0.5, 0.9]
    assert (row.mean, row.std) == (0.7, 0.2828427)
    assert report.head.figures[0].value == 0.7
    assert "test set" in report.head.warning
    assert "5-way 10-shot" in render(report)
