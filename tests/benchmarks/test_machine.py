"""What is measured of the machine, also of one without bfloat16 products."""

import time

import pytest
import torch

from pointlora.cli.benchmark import benchmark_module

machine = benchmark_module("machine")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch):
    monkeypatch.setattr(machine, "MEMORY_BYTES", {"cpu": 1 << 20})


@pytest.mark.parametrize("emulated", [False, True])
def test_emulation_is_said(monkeypatch, emulated):
    monkeypatch.setattr(machine, "multiplies_bfloat16", lambda: not emulated)
    found = machine.measure_machine(CPU)
    assert found.emulates_bfloat16 is found.best_of(found).emulates_bfloat16 is emulated
    assert str(found).endswith("in bfloat16, which it emulates" if emulated else "in bfloat16")
    assert min(found.float32_rate, found.bfloat16_rate) > 1e9


def test_without_onednns_product_torchs_own_ways_are_measured(monkeypatch):
    monkeypatch.setattr(machine, "linear_product", lambda dtype: None)
    ways = machine._ways(torch.bfloat16)
    assert len(ways) == 2
    left, right = (torch.randn(8, 8).bfloat16() for _ in range(2))
    for way in ways:
        out = torch.zeros_like(left)
        way(left, right, out)
        torch.testing.assert_close(out.float(), left.float() @ right.float(), atol=0.05, rtol=0.02)


def test_a_way_that_is_emulated_number_by_number_is_not_tried_on_a_large_product(monkeypatch):
    sizes = []

    def slow(left, right, out):
        sizes.append(len(left))
        time.sleep(0.02)

    monkeypatch.setattr(machine, "_ways", lambda dtype: [machine._plain_product, slow])
    assert machine._product(CPU, 512, torch.float32, 1) > 1e9
    assert set(sizes) == {machine.TRIAL}
