"""What tuning methods cost: the names, the table, and a whole small run."""

import json

import pytest
from benchmarks.methods import MethodCost, method_names, methods_table
from benchmarks.timing import Samples

from pointlora.cli.main import main
from pointlora.errors import ConfigError


def test_full_fine_tuning_comes_first_and_once():
    assert method_names("lora,full,probe") == ["full", "lora", "probe"]
    assert method_names("default")[0] == "full"
    assert "pointlora-plus" in method_names("default")


def test_all_methods_have_steps():
    names = method_names("all")
    assert names[0] == "full"
    assert {"dora", "idpt", "pointgst", "stag-sl", "vpt_deep"} <= set(names)
    assert not {"probe", "scratch"} & set(names)


def test_unknown_method():
    with pytest.raises(ConfigError, match="loar"):
        method_names("loar")


def test_the_table_compares_within_a_round():
    full = MethodCost(
        "full", Samples([1.0, 4.0], [2.0, 2.0]), Samples([0.5], [0.5]), 2.0 * 2**20, 4.0 * 2**20, 1000, 10**6
    )
    less = MethodCost(
        "lora", Samples([0.5, 1.0], [1.0, 1.0]), Samples([0.6], [0.6]), 1.0 * 2**20, 1.0 * 2**20, 10, 10**4
    )
    row = methods_table([full, less]).splitlines()[-1]
    # 0.5 / 1 and 1 / 4: the median of the ratios, not the ratio of the medians.
    assert row == "| lora | 750 | 0.38 | 0.50 | 1 | 0.50 | 1 | 0.25 | 600 | 10 | 0.01 |"


@pytest.mark.parametrize("words", [["--methods", "lora", "--only", "fps"], ["--bf16"], ["--methods", "loar"]])
def test_wrong_options(words, capsys):
    assert main(["benchmark", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_a_whole_run(tmp_path, capsys):
    words = [
        "--methods",
        "pointlora-plus",
        "--model",
        "point_mae_tiny",
        "--quick",
        "--threads",
        "1",
        "--batch-size",
        "4",
    ]
    assert main(["benchmark", *words, "--json", str(tmp_path / "costs.json")]) == 0
    assert "| pointlora-plus |" in capsys.readouterr().out
    full, plus = json.loads((tmp_path / "costs.json").read_text())["methods"]
    assert plus["trained"] < full["trained"] / 10
    assert plus["tensors"] < full["tensors"]
    assert plus["adapter"] < full["adapter"] / 10
