"""Turns, budgets, medians."""

import time
from types import SimpleNamespace

import pytest
import torch

from pointlora.cli.benchmark import benchmark_module

timing = benchmark_module("timing")
CPU = torch.device("cpu")


def test_variants_take_turns_and_the_order_turns():
    calls = []

    def variant(name):
        def function():
            calls.append(name)
            time.sleep(0.025)

        return function

    samples = timing.interleave({name: variant(name) for name in "abc"}, 3, 60, CPU)
    assert "".join(calls) == "aabbcc" + "abc" + "bca" + "cab"
    assert [len(own.wall) for own in samples.values()] == [3, 3, 3]
    assert min(samples["a"].wall) >= 0.025
    assert max(samples["a"].cpu) < 0.025


def test_the_budget_ends_after_two_rounds():
    samples = timing.interleave({"a": lambda: time.sleep(0.03)}, 50, 0.01, CPU)
    assert len(samples["a"].wall) == 2


def test_short_functions_are_repeated_within_a_sample():
    calls = []
    timing.interleave({"a": lambda: (calls.append(0), time.sleep(0.001))}, 2, 60, CPU)
    assert len(calls) > 10


def test_ratios_are_of_the_same_round():
    found = timing.ratios([2.0, 30.0, 4.0], [1.0, 10.0, 1.0])
    assert (found.median, found.low, found.high) == pytest.approx((3.0, 2.5, 3.5))


def test_on_a_gpu_a_slow_first_call_doesnt_tell_how_long_a_call_takes(monkeypatch):
    # What synchronisation would report: a first call that compiles its kernel, then calls of half a millisecond.
    now, calls = [0.0], []

    def function():
        now[0] += 0.0005 if calls else 2.0
        calls.append(0)

    monkeypatch.setattr(timing, "clock", lambda device: now[0])
    samples = timing.interleave({"a": function}, 2, 60, SimpleNamespace(type="cuda"))
    assert samples["a"].calls == 100
    assert samples["a"].wall == pytest.approx([0.0005] * 2)
    assert len(calls) == 2 + 2 * 100


def test_variants_settle_before_each_sample():
    calls = []

    def variant(name):
        return lambda: (calls.append(name), time.sleep(0.025))

    samples = timing.interleave({name: variant(name) for name in "ab"}, 2, 60, CPU, settle=True)
    assert "".join(calls) == "aabb" + "aabb" + "bbaa"
    assert max(samples["a"].wall) < 0.05


def test_a_function_may_measure_itself():
    class Elsewhere:
        def __call__(self):
            raise AssertionError("only its own measurement counts")

        def sample(self, calls):
            return 0.5 / calls, 0.25

    samples = timing.interleave({"a": Elsewhere()}, 2, 60, CPU)["a"]
    assert samples.calls == 1
    assert (samples.wall, samples.cpu) == ([0.5] * 2, [0.25] * 2)
