"""The plain side in a process of its own."""

import pytest
import torch

from pointlora.cli.benchmark import benchmark_module

apart, children = benchmark_module("apart"), benchmark_module("children")
command, settings = benchmark_module("command"), benchmark_module("settings")
machine, report = benchmark_module("machine"), benchmark_module("report")
SETTINGS = settings.Settings("point_mae_tiny", 2, 2, 1.0, 1, "cpu")


def test_it_measures_itself_and_ends_with_the_block():
    with apart.Apart("head", SETTINGS) as plain:
        process = plain._process
        first, many = plain.sample(1), plain.sample(50)
        assert process.poll() is None
        # A head of two clouds takes well below a millisecond; the process took seconds to start.
        assert min(many[0], first[0]) > 0
        assert many[0] < 0.1
        assert many[1] < 0.1
    assert process.poll() is not None


def test_an_error_in_it_is_named():
    words = "ended with 1: KeyError: 'no such part'"
    with apart.Apart("no such part", SETTINGS) as plain, pytest.raises(children.ChildError, match=words):
        plain.sample(1)


def test_it_has_the_environment_of_a_public_code(monkeypatch):
    monkeypatch.setenv(children.SPINS, children.spins())
    assert children.SPINS in children.child_environment(1)
    assert children.SPINS not in children.child_environment(1, plain=True)
    monkeypatch.setenv(children.SPINS, "7")
    assert children.child_environment(1, plain=True)[children.SPINS] == "7"
    assert children.child_environment(3, plain=True)["OMP_NUM_THREADS"] == "3"


def test_only_ours_starts_as_the_command_does():
    # It is the command that sets up the allocator and the waiting of threads.
    ours, plain = children.child_command({"what": "turns"}), children.child_command({"what": "turns"}, plain=True)
    assert "pointlora.cli.main" in ours
    assert not any("pointlora.cli.main" in word for word in plain)


def test_a_part_compares_with_it(monkeypatch):
    made = []

    class Recorded:
        def __init__(self, name, settings):
            made.append(name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            made.append("ended")

        def sample(self, calls):
            return 2.0, 4.0

    monkeypatch.setattr(apart, "Apart", Recorded)
    threads = torch.get_num_threads()
    try:
        case, samples = command.time_part("evaluate", settings.Context(SETTINGS))
    finally:
        torch.set_num_threads(threads)
    assert list(samples) == ["ours", "ours bf16", "plain", "plain, kept"]
    assert samples["plain"].wall == [2.0] * 2
    assert all(0 < seconds < 2 for seconds in samples["plain, kept"].wall)
    assert made == ["evaluate", "ended"]
    limits = machine.Machine("any", 1, 1e9, 1e9, 1e9, 1e9)
    rows = {row.variant: row for row in report.timings("evaluate", case, samples, limits)}
    assert rows["plain, kept"].ratio.median > 1
    assert rows["plain, kept"].floor is None
    assert rows["ours"].floor > 0
    # What the allocator gives to the plain side is no merit of ours to be guarded.
    assert set(report.collect_ratios(list(rows.values()), None)) == {"evaluate/ours", "evaluate/ours bf16"}
