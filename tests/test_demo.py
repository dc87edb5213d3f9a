"""The demonstration: its data and its table; the whole of it, small, among the slow tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointlora.data.datasets import open_dataset
from pointlora.demo import CLASSES, DemoSize, run_demo, write_scans
from pointlora.demo_report import demo_page, demo_table, show_predictions, side_by_side
from pointlora.errors import ConfigError

SMALL = DemoSize(epochs=1, train_per_class=5, test_per_class=2)


def test_scans_are_a_function_of_the_seed(tmp_path: Path) -> None:
    first, again, other = (write_scans(tmp_path / f"{n}.npz", seed, SMALL) for n, seed in enumerate((0, 0, 1)))
    train, test = (open_dataset("npz", first, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (50, 20)
    assert train.class_names == CLASSES
    assert train.class_counts().tolist() == [5] * 10
    assert test.class_counts().tolist() == [2] * 10
    np.testing.assert_array_equal(np.load(first)["points"], np.load(again)["points"])
    assert np.abs(np.load(first)["points"] - np.load(other)["points"]).max() > 0.1


def test_table() -> None:
    figures = {"trained_parameters": 250, "total_parameters": 1000, "accuracy": 0.5, "adapter_bytes": 2e6, "seconds": 9}
    last = demo_table({"pointlora": figures}).splitlines()[-1]
    assert last.split() == ["pointlora", "50.0", "%", "250", "25.0", "%", "2.00", "MB", "9"]
    assert demo_table({"pointlora": figures}, markdown=True).endswith(
        "| pointlora | 50.0 % | 250 | 25.0 % | 2.00 MB | 9 |"
    )


def test_methods_side_by_side() -> None:
    figures = {"trained_parameters": 250, "adapter_bytes": 2e6, "seconds": 9}
    figures |= {"accuracy": 0.75, "confusion_matrix": [[30, 10], [10, 30]]}
    (row,) = side_by_side({"pointlora": figures}).rows
    assert (row.name, row.values, row.mean, row.seconds) == ("pointlora", [0.75], 0.75, 9)
    assert row.low == pytest.approx(0.655, abs=0.02)  # 1.96 standard errors below
    assert row.high == pytest.approx(0.845, abs=0.02)


@pytest.mark.slow
def test_whole_and_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = run_demo(tmp_path / "demo", 0, SMALL)
    assert set(results) == {"pointlora", "head_only", "full"}
    assert results["pointlora"]["count"] == 20
    assert results["pointlora"]["trained_parameters"] > results["head_only"]["trained_parameters"]
    picture = show_predictions(tmp_path / "demo")
    assert picture.stat().st_size > 50_000
    page = demo_page(tmp_path / "demo", results)
    assert page is not None
    assert "head_only" in page.read_text(encoding="utf-8")
    assert len(list((tmp_path / "demo" / "scans").iterdir())) == 10
    capsys.readouterr()
    assert run_demo(tmp_path / "demo", 0, SMALL) == results
    assert capsys.readouterr().err.count("finished before") == 3
    with pytest.raises(ConfigError, match="holds a demo with a different seed or size"):
        run_demo(tmp_path / "demo", 1, SMALL)
