"""The table of exported models."""

import pytest
import torch

from benchmarks import exported
from export_runs import train_small
from pointlora.errors import ConfigError


@pytest.mark.slow
def test_the_table_has_five_ways_with_their_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "ROUNDS", {1: 2, 0: 1})
    threads = torch.get_num_threads()
    try:
        head, _, *rows = exported.table(str(train_small(tmp_path / "run")), threads=1, largest=3)
    finally:
        torch.set_num_threads(threads)
    assert "3 clouds, ms" in head
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    ways = [
        "torch float32",
        "torch bfloat16",
        "onnxruntime float32",
        "onnxruntime int8 dynamic",
        "onnxruntime int8 static",
    ]
    assert [row[0] for row in cells] == ways
    accuracies = [float(row[4].removesuffix(" %")) for row in cells]
    assert accuracies[0] == accuracies[2]
    assert max(float(row[1]) for row in cells[3:]) < float(cells[2][1])


def test_it_wants_a_run(tmp_path):
    with pytest.raises(ConfigError, match="must be the folder of a run of classification"):
        exported.table(str(tmp_path), threads=torch.get_num_threads())
