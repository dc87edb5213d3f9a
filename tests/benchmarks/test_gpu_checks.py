"""What differs on a GPU, as far as it can be seen without one."""

from types import SimpleNamespace

import pytest
import torch

from pointlora import ops
from pointlora.cli.benchmark import benchmark_module

geometry = benchmark_module("cases.geometry")
report = benchmark_module("report")
timing = benchmark_module("timing")
precision = benchmark_module("precision")
failures = benchmark_module("failures")
DisagreementError = benchmark_module("models").DisagreementError


def centers_of(points, index):
    return ops.gather_points(points, index)


@pytest.fixture
def points():
    return torch.randn(2, 200, 3, generator=torch.Generator().manual_seed(0))


def test_farthest_points_fall_short_of_nothing(points):
    index = ops.farthest_point_sampling(points, 20)
    assert geometry.shortfall(points, centers_of(points, index)) < 1e-6
    index[:, 10] = index[:, 5]  # distance 0
    index[:, 11:] = ops.farthest_point_sampling(points, 20)[:, 10:19]
    farthest = geometry.shortfall(points, centers_of(points, index))
    assert farthest > 0.1


def test_on_a_gpu_other_picks_are_noted_and_wrong_ones_are_an_error(points):
    gpu = SimpleNamespace(device=torch.device("cuda"), agreement={})
    cpu = SimpleNamespace(device=torch.device("cpu"), agreement={})
    ours = centers_of(points, ops.farthest_point_sampling(points, 20))
    other = centers_of(points, ops.farthest_point_sampling(points, 20, start=7))
    geometry._check_picks(gpu, "picks", 19, points, [ours, other])
    assert gpu.agreement["picks"] == 19
    assert gpu.agreement["distances of picks and of farthest points"] < 1e-6
    with pytest.raises(DisagreementError, match="picks of the library"):
        geometry._check_picks(cpu, "picks", 19, points, [ours, other])
    with pytest.raises(DisagreementError, match="distances of picks"):
        geometry._check_picks(gpu, "picks", 19, points, [ours, points[:, :20]])


def test_short_times_keep_three_digits_and_the_table_has_no_processor_time():
    samples = timing.Samples([0.000122, 0.000126, 0.000124], [0.1, 0.1, 0.1], calls=400)
    plain = timing.Samples([0.0123] * 3, [0.2] * 3)
    case = SimpleNamespace(fixed_floor=None, floor=SimpleNamespace(seconds=lambda machine, dtype: 0.0))
    rows = report.timings("fps", case, {"ours": samples, "plain": plain}, None)
    head, _, ours, _ = report.timing_table(rows, "cuda").splitlines()
    assert "CPU" not in head
    assert ours.split() == ["fps", "ours", "0.124", "0.123", "-", "0.125", "99.19", "98.41", "-", "100.01", "-", "-"]
    assert "CPU ms" in report.timing_table(rows, "cpu")
    line = report.sampling_line({"ours": samples})
    assert line == "fps, a call: ours 0.124 ms (median of 3 samples of 400 calls)"


def test_convolutions_are_rounded_only_where_asked():
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32
    try:
        precision.exact_convolutions(torch.device("cpu"))
        assert cudnn.allow_tf32 == before
        precision.exact_convolutions(torch.device("cuda"))
        assert precision.tf32_state()["convolutions"] is False
        assert precision.with_rounded_convolutions(lambda: cudnn.allow_tf32)() is True
        with pytest.raises(ValueError, match="inside"):
            precision.with_rounded_convolutions(lambda: int("inside"))()
        assert cudnn.allow_tf32 is False
    finally:
        cudnn.allow_tf32 = before


def test_errors_are_one_line():
    assert failures.short_text(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")) == "out of memory"
    assert failures.short_text(RuntimeError("\n first\nsecond")) == "RuntimeError: first"
    assert failures.short_text(KeyError()) == "KeyError"
    assert failures.short_text(DisagreementError("logits differ")) == "logits differ"
    assert len(failures.short_text(RuntimeError("x" * 999))) == failures.MOST_CHARACTERS
