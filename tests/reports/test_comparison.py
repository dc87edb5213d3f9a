"""The table of a comparison, from results made up here."""

import csv
import json

import pytest

from pointlora.errors import ConfigError
from pointlora.reports.comparison import comparison_table, write_comparison
from pointlora.reports.method_summary import summarize_methods


def run(label, seed, accuracy, trained=1_200, **changes):
    results = {
        "label": label,
        "seed": seed,
        "settings": {"optimizer.lr": 0.001},
        "accuracy": accuracy,
        "class_mean_accuracy": accuracy - 0.1,
        "selection_accuracy": 0.9,
        "best_epoch": 3,
        "trained_parameters": trained,
        "head_parameters": 1_000,
        "total_parameters": 11_000,
        "adapter_bytes": 2_345_678,
        "peak_memory_mib": 1000.0 + seed,
        "median_seconds_per_step": 0.02 + 0.01 * seed,
        "seconds_per_cloud": 0.005 + 0.001 * seed,
        "training_seconds": 10.0 + seed,
        "recipe": {"method": {"name": label.split()[0]}, "optimizer": {"lr": 0.001}},
    }
    return results | changes


RUNS = [
    *(run("full", seed, value, 11_000) for seed, value in enumerate([0.60, 0.70, 0.80])),
    *(run("lora 2", seed, value) for seed, value in enumerate([0.62, 0.74, 0.83])),
]


def test_summaries_by_hand():
    full, lora = summarize_methods(RUNS, "full")
    assert lora.figure == pytest.approx((0.73, 0.1053565), abs=1e-6)
    assert lora.second.mean == pytest.approx(0.63)
    assert lora.difference == pytest.approx((0.03, 0.0051586, 0.0548414), abs=1e-6)
    assert full.difference == (0, 0, 0)
    assert (full.share, full.share_without_head) == (1, 1)
    assert lora.share == pytest.approx(1_200 / 11_000)
    assert lora.share_without_head == pytest.approx(200 / 10_000)
    assert (lora.peak_memory_mib, lora.peak_device_memory_mib) == (1002, None)
    assert (lora.seconds_per_step, lora.seconds) == pytest.approx((0.03, 11))


def test_the_table_to_the_letter():
    header, _, full, lora, _, caption = comparison_table(summarize_methods(RUNS, "full"), "full").splitlines()
    assert header.split("  ")[0] == "method"
    reference = "full 70.00 ± 10.00 60.00 ± 10.00 reference 11,000 10,000 100.00 % 100.00 % 2.35 1,002 30 6 0.001 11"
    assert full.split() == reference.split()
    expected = (
        "lora 2 73.00 ± 10.54 63.00 ± 10.54 +3.00 [+0.52, +5.48] 1,200 200 10.91 % 2.00 % 2.35 1,002 30 6 0.001 11"
    )
    assert lora.split() == expected.split()
    assert "chosen on the validation split" in caption
    assert "2 degrees of freedom" in caption
    single = comparison_table(summarize_methods([RUNS[0], RUNS[3]], "full"), "full").splitlines()[3]
    assert "62.00" in single
    assert "+2.00  " in single
    assert "±" not in single
    device = [found | {"peak_device_memory_mib": 512.0} for found in RUNS]
    assert "GPU memory, MiB" in comparison_table(summarize_methods(device, "full"), "full")


def test_pairs_go_by_seed_not_by_position():
    turned = [*RUNS[:3], *reversed(RUNS[3:])]
    assert summarize_methods(turned, "full")[1].difference == pytest.approx((0.03, 0.0051586, 0.0548414), abs=1e-6)
    with pytest.raises(ConfigError, match=r"lora 2 has seeds \[0, 1\]; the reference has \[0, 1, 2\]"):
        summarize_methods(RUNS[:-1], "full")
    with pytest.raises(ConfigError, match="'ful' has no runs; there are full, lora 2"):
        summarize_methods(RUNS, "ful")


def test_files(tmp_path):
    searched = [run("full", 9, 0.1)]
    write_comparison(tmp_path, RUNS, searched, "full", "tiny on npz")
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert [row["label"] for row in found["methods"]] == ["full", "lora 2"]
    assert found["methods"][1]["difference_low"] == pytest.approx(0.0051586, abs=1e-6)
    assert [row["accuracy"] for row in found["runs"]] == [0.60, 0.70, 0.80, 0.62, 0.74, 0.83]
    assert found["search"][0].keys() == {
        "label",
        "labels_per_class",
        "settings",
        "selection_accuracy",
        "best_epoch",
        "training_seconds",
    }
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert float(rows[1]["accuracy_mean"]) == pytest.approx(0.73)
    assert rows[0]["settings"] == '{"optimizer.lr": 0.001}'
    assert (tmp_path / "comparison.md").read_text().startswith("# tiny on npz\n\n| method | accuracy, % |")
    assert (tmp_path / "comparison.png").read_bytes()[:4] == b"\x89PNG"


def with_labels(labels, change, found):
    counts = {"labels_per_class": labels, "train_clouds": 3 * found, "train_classes": 3, "selection_clouds": 2}
    return [{**run, **counts, "accuracy": run["accuracy"] + change} for run in RUNS]


CURVES = [
    run
    for label in ("full", "lora 2")
    for run in (*with_labels(5, -0.2, 4.0), *with_labels("all", 0, 20.0))
    if run["label"] == label
]


def test_differences_are_to_the_reference_with_as_many_labels():
    methods = summarize_methods(CURVES, "full")
    assert [(m.labels, m.label) for m in methods] == [(5, "full"), (5, "lora 2"), ("all", "full"), ("all", "lora 2")]
    for lora in methods[1::2]:
        assert lora.difference == pytest.approx((0.03, 0.0051586, 0.0548414), abs=1e-6)
    assert methods[1].figure == pytest.approx((0.53, 0.1053565), abs=1e-6)
    assert [m.labels_a_class for m in methods] == [4, 4, 20, 20]
    header, _, *rows, _, caption = comparison_table(methods, "full").splitlines()
    assert header.split()[:3] == ["method", "labels", "accuracy,"]
    assert [row.split()[1] for row in rows[::2]] == ["5", "all"]
    assert "Labels 5: 4.0 on average, as not every class has so many. Labels all: 20.0 on average." in caption
    assert "to full with as many labels, paired by seed" in caption


def test_a_missing_reference_is_named_with_labels_too():
    with pytest.raises(ConfigError, match="'full' has no runs; there are lora 2"):
        summarize_methods([found for found in CURVES if found["label"] != "full"], "full")


def test_files_of_learning_curves(tmp_path):
    write_comparison(tmp_path, CURVES, [], "full", "tiny on npz")
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert [row["labels_per_class"] for row in rows] == ["5", "5", "all", "all"]
    assert float(rows[3]["accuracy_low"]) == pytest.approx(0.73 - 4.302653 * 0.1053565 / 3**0.5, abs=1e-6)
    assert (tmp_path / "comparison.labels.png").read_bytes()[:4] == b"\x89PNG"


def test_parts_have_figures_of_their_own():
    recipe = {"task": "part_segmentation", "method": {"name": "full"}, "optimizer": {"lr": 0.001}}
    parts = [run("full", seed, 0.1, recipe=recipe, instance_miou=0.5, class_miou=0.4) for seed in (0, 1)]
    (method,) = summarize_methods(parts, "full")
    assert (method.figure.mean, method.second.mean) == (0.5, 0.4)
    assert {"instance_miou_mean", "class_miou_mean"} <= set(method.as_dict())
    table = comparison_table([method], "full")
    assert "instance mIoU, %  class mIoU, %" in table
    assert "Difference: of the instance mIoU to full" in table
