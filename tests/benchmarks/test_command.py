"""The command as a whole, on the smallest parts."""

import json
from types import SimpleNamespace

import pytest
import torch

from pointlora.cli.benchmark import benchmark_module
from pointlora.cli.main import main
from small_benchmarks import shrink

memory = benchmark_module("cases.memory")
SMALL = ["--model", "point_mae_tiny", "--batch-size", "2", "--repetitions", "2", "--threads", "1", "--device", "cpu"]


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_part_is_measured_stored_and_checked(tmp_path, capsys):
    stored, written = tmp_path / "ratios.json", tmp_path / "all.json"
    arguments = ["benchmark", "--only", "fps", *SMALL]
    assert main([*arguments, "--save-ratios", str(stored), "--json", str(written)]) == 0
    output = capsys.readouterr().out
    assert "picks of both sides differ by 0.0e+00" in output
    assert "plain / ours" in output
    found = json.loads(written.read_text())
    assert [row["variant"] for row in found["timings"]] == ["ours", "plain"]
    assert all(len(row["samples"]["wall"]) == 2 for row in found["timings"])
    assert found["agreement"] == {"picks": 0}
    ratio = found["timings"][0]["ratio"]["median"]
    assert found["ratios"]["fps/ours"]["wall"] == ratio > 0
    (key,) = json.loads(stored.read_text())
    assert key.startswith("point_mae_tiny, batch 2, cpu, 1 thread, ")
    stored.write_text(json.dumps({key: {"fps/ours": {"wall": 1e6, "cpu": 1e6}}}))
    assert main([*arguments, "--check", str(stored)]) == 1
    assert "worse than" in capsys.readouterr().out


def test_a_part_that_fails_is_named_and_the_others_are_measured(tmp_path, capsys, monkeypatch):
    shrink(monkeypatch)

    def broken(context):
        raise RuntimeError("no kernel\nin this build")

    entry = SimpleNamespace(description="broken", load=lambda: broken)
    monkeypatch.setitem(benchmark_module("cases").CASES, "fps", entry)
    written = tmp_path / "all.json"
    assert main(["benchmark", "--only", "fps,head", *SMALL, "--json", str(written)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "fps failed: RuntimeError: no kernel"
    found = json.loads(written.read_text())
    assert {row["case"] for row in found["timings"]} == {"head"}
    assert "in broken" in found["failures"]["fps"]["trace"]


def test_wrong_names_are_one_line(capsys):
    assert main(["benchmark", "--only", "tokeniser"]) == 2
    assert "did you mean 'tokenizer'?" in capsys.readouterr().err


def test_the_highest_memory_of_a_call_is_counted():
    def function():
        first = torch.empty(1000, 1000)
        del first
        second, third = torch.empty(500, 1000), torch.empty(750, 1000)
        return second.shape, third.shape

    assert memory.allocated_by(function) == 4 * 1250 * 1000
    assert memory.highest_resident() > 50e6


def test_a_step_that_recomputes_needs_less_memory():
    spec = {"model": "point_mae_tiny", "batch_size": 2, "threads": 1, "device": "cpu"}
    usual, again = (memory.measure({**spec, "variant": name}) for name in ("ours", "ours recomputing"))
    assert 0 < again["tensors"] < 0.8 * usual["tensors"]


@pytest.mark.slow
def test_every_part_runs(tmp_path):
    written = tmp_path / "all.json"
    assert main(["benchmark", *SMALL, "--json", str(written)]) == 0
    found = json.loads(written.read_text())
    assert {row["case"] for row in found["timings"]} | {"memory"} == set(benchmark_module("cases").CASES)
    assert all(0 < row["share_of_floor"] < 1.5 for row in found["timings"] if row["share_of_floor"])
    assert found["memory"]["ours"]["resident"] > found["memory"]["ours"]["tensors"] > 0
