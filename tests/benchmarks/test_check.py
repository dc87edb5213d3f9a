"""Stored ratios: a part that has become slower fails, noise in one of its figures doesn't."""

import pytest

from pointlora.cli.benchmark import benchmark_module
from pointlora.errors import ConfigError

check = benchmark_module("check")
REFERENCE = {"train/ours": {"wall": 2.0, "cpu": 2.1}, "fps/ours": {"wall": 4.0, "cpu": 4.0}}


def test_equal_and_better_ratios_pass():
    assert check.worse_ratios(REFERENCE, REFERENCE, 0.25) == []
    assert check.worse_ratios(REFERENCE, {"fps/ours": {"wall": 9.0, "cpu": 9.0}}, 0.25) == []


def test_a_dropped_ratio_fails_and_is_named():
    found = {"train/ours": {"wall": 1.4, "cpu": 1.5}, "fps/ours": {"wall": 3.1, "cpu": 3.1}}
    assert check.worse_ratios(REFERENCE, found, 0.25) == ["train/ours: cpu 2.10 -> 1.50, wall 2.00 -> 1.40"]
    assert len(check.worse_ratios(REFERENCE, found, 0.1)) == 2


def test_noise_in_one_figure_passes():
    assert check.worse_ratios(REFERENCE, {"train/ours": {"wall": 0.5, "cpu": 2.0}}, 0.25) == []


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ConfigError, match="nothing was compared"):
        check.worse_ratios(REFERENCE, {"knn/ours": {"wall": 1.0}}, 0.25)


def test_stored_ratios_are_kept_by_key_and_part(tmp_path):
    path = tmp_path / "ratios.json"
    check.store_reference(str(path), "a", REFERENCE)
    check.store_reference(str(path), "a", {"fps/ours": {"wall": 5.0, "cpu": 5.0}})
    check.store_reference(str(path), "b", {})
    assert check.read_reference(str(path), "a") == {**REFERENCE, "fps/ours": {"wall": 5.0, "cpu": 5.0}}
    with pytest.raises(ConfigError, match="no ratios for 'c', only for 'a', 'b'"):
        check.read_reference(str(path), "c")
    path.write_text("[1]")
    with pytest.raises(ConfigError, match="is not a file of ratios"):
        check.read_reference(str(path), "a")
