"""What `training.precision: auto` becomes, that a run keeps it, and what is said of it."""

from pathlib import Path

import pytest
import torch
import yaml

from pointlora import processor
from pointlora.cli.main import main
from pointlora.comparison.fewshot import run_folds
from pointlora.comparison.run import run_comparison
from pointlora.errors import ConfigError
from pointlora.inspection import describe
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.fewshot import FewShotRecipe
from pointlora.recipes.files import find_recipe, from_mapping, list_recipes, read_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.recipes.runs import TrainRecipe
from pointlora.training import base_module
from pointlora.training.devices import choice
from pointlora.training.fit import fine_tune
from pointlora.training.precision import settle_precision
from pointlora.training.pretraining.run import pretrain
from training_runs import (
    differences,
    run_process,
    tiny_comparison,
    tiny_fewshot,
    tiny_pretraining,
    tiny_recipe,
)

EMULATED = "precision bf16: this processor emulates it, so 32 is several times faster"
SIGKILLED = -9


@pytest.fixture
def native(monkeypatch):
    """A function that makes this processor one with bfloat16, or one without."""

    def make(has: bool) -> None:
        monkeypatch.setattr(choice, "computes_bfloat16", lambda device: has)

    return make


def recipe(folder: Path, **training):
    return from_mapping(TrainRecipe, tiny_recipe(folder, **{"precision": "auto", "epochs": 1, **training}))


def written(folder: Path) -> str:
    return read_mapping(folder / "config.yaml")["training"]["precision"]


@pytest.mark.parametrize(("flags", "products"), [("avx2", False), ("avx512_bf16", True), ("amx_bf16", True)])
@pytest.mark.parametrize("onednn", [True, False])
def test_a_processor_computes_in_bfloat16_if_it_has_the_products_and_torch_uses_them(
    monkeypatch, flags, products, onednn
):
    monkeypatch.setattr(processor, "first_processor", lambda: flags)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: onednn)
    assert choice.computes_bfloat16(torch.device("cpu")) is (products and onednn)
    assert choice.native_precision(torch.device("cpu")) == ("bf16" if products and onednn else "32")


@pytest.mark.parametrize("has", [True, False])
def test_a_gpu_that_emulates_bfloat16_takes_32(monkeypatch, has):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: has or including_emulation)
    assert choice.native_precision(torch.device("cuda")) == ("bf16" if has else "32")


@pytest.mark.parametrize(
    ("has", "expected", "reason"), [(True, "bf16", "computes in bf16"), (False, "32", "would emulate bf16")]
)
def test_a_run_says_and_records_what_it_takes(tmp_path, native, capsys, has, expected, reason):
    native(has)
    results = fine_tune(recipe(tmp_path / "run"))
    assert f"training.precision auto: {expected} (this processor {reason})" in capsys.readouterr().err.splitlines()
    assert results["recipe"]["training"]["precision"] == written(tmp_path / "run") == expected
    assert describe(tmp_path / "run")["precision"] == expected
    given = recipe(tmp_path / "given", precision=expected)
    native(True)
    assert fine_tune(given)["confusion_matrix"] == results["confusion_matrix"]
    assert "auto" not in capsys.readouterr().err
    ends = [torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True) for name in ("run", "given")]
    assert differences(*ends) == []


def test_a_run_goes_on_as_it_began_also_where_bf16_is_emulated(tmp_path, native, capsys, monkeypatch):
    native(True)
    folder = tmp_path / "run"
    monkeypatch.setattr("pointlora.training.tuning.run_training", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fine_tune(recipe(folder))
    monkeypatch.undo()
    capsys.readouterr()
    monkeypatch.setattr(choice, "computes_bfloat16", lambda device: False)
    results = fine_tune(recipe(folder), resume=True)
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["training.precision auto: bf16 (as this run began)", EMULATED]
    assert results["recipe"]["training"]["precision"] == written(folder) == "bf16"


def test_a_given_precision_that_is_another_is_refused(tmp_path, native):
    native(False)
    fine_tune(recipe(tmp_path / "run"))
    (tmp_path / "run/results.json").unlink()
    with pytest.raises(ConfigError, match="training.precision = '32', not 'bf16': use the same settings to resume it"):
        fine_tune(recipe(tmp_path / "run", precision="bf16"))
    assert settle_precision(recipe(tmp_path / "run")).training.precision == "32"


def test_a_killed_run_ends_alike_in_bfloat16(tmp_path):
    whole = tiny_recipe(tmp_path / "whole", precision="bf16")
    assert run_process(whole) == 0
    killed = tiny_recipe(tmp_path / "killed", precision="bf16", checkpoint_every_steps=1)
    assert run_process(killed, kill_at=5) == SIGKILLED
    killed["training"]["precision"] = "auto"  # which is bf16, whatever this processor has
    assert run_process(killed) == 0
    ends = [torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True) for name in ("killed", "whole")]
    assert differences(*ends) == []


@pytest.mark.parametrize("has", [True, False])
def test_bf16_that_is_asked_for_is_warned_of_where_it_is_emulated(tmp_path, native, capsys, has):
    native(has)
    fine_tune(recipe(tmp_path / "run", precision="bf16"))
    assert capsys.readouterr().err.splitlines().count(EMULATED) == (not has)
    for words, lines in ((["--precision", "bf16"], not has), ([], 0)):
        assert main(["evaluate", "--adapter", str(tmp_path / "run"), *words]) == 0
        assert capsys.readouterr().err.splitlines().count(EMULATED) == lines


@pytest.mark.parametrize("has", [True, False])
def test_pretraining_and_folds_take_it_too(tmp_path, native, has):
    native(has)
    expected = "bf16" if has else "32"
    mapping = tiny_pretraining(tmp_path / "pretrained", epochs=1, precision="auto")
    results = pretrain(from_mapping(PretrainRecipe, mapping))
    assert results["recipe"]["training"]["precision"] == written(tmp_path / "pretrained") == expected
    mapping = tiny_fewshot(tmp_path / "folds", epochs=1, precision="auto") | {"folds": 1}
    run_folds(from_mapping(FewShotRecipe, mapping))
    native(not has)
    figures = run_folds(from_mapping(FewShotRecipe, mapping | {"folds": 2}))
    assert figures["recipe"]["training"]["precision"] == written(tmp_path / "folds") == expected
    assert [written(tmp_path / "folds" / name) for name in ("fold_00", "fold_01")] == [expected] * 2


def test_all_runs_of_a_comparison_take_the_same(tmp_path):
    mapping = tiny_comparison(tmp_path / "out", methods={"head_only": {}}, seeds=[0])
    mapping["training"] |= {"precision": "auto", "epochs": 1}
    mapping["optimizer"] |= {"warmup_epochs": 0}
    lines: list[str] = []
    run_comparison(from_mapping(CompareRecipe, mapping), lines.append)
    native = choice.native_precision(torch.device("cpu"))
    computes = "computes in" if native == "bf16" else "would emulate"
    assert lines[0] == f"training.precision auto: {native} (this machine {computes} bf16)"
    stored = tmp_path / "out/comparison.yaml"
    assert read_mapping(stored)["training"]["precision"] == written(tmp_path / "out/head_only/seed_0") == native
    # Begun elsewhere, it goes on as it began.
    other = {"32": "bf16", "bf16": "32"}[native]
    for path in (stored, tmp_path / "out/head_only/seed_0/config.yaml"):
        path.write_text(
            path.read_text().replace(f"precision: {yaml.safe_dump(native)[:-1].split()[0]}", f"precision: '{other}'")
        )
    lines.clear()
    found = run_comparison(from_mapping(CompareRecipe, mapping | {"seeds": [0, 1]}), lines.append)
    assert lines[0] == f"training.precision auto: {other} (as this comparison began)"
    assert [results["recipe"]["training"]["precision"] for _, results in found.runs] == [native, other]
    assert written(tmp_path / "out/head_only/seed_1") == other


def test_machines_that_differ_are_refused(tmp_path, native, monkeypatch):
    native(True)
    monkeypatch.setattr(base_module, "mean_over_processes", lambda value, device: 0.5)
    with pytest.raises(ConfigError, match="the machines of this run differ: set it to 32 or bf16"):
        fine_tune(recipe(tmp_path / "run"))


def test_every_published_recipe_leaves_it_to_the_machine():
    for name in list_recipes():
        assert "precision" not in read_mapping(find_recipe(name)).get("training", {}), name
    assert TrainRecipe().training.precision == PretrainRecipe().training.precision == "auto"
