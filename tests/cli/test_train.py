"""`pointlora train`, `pretrain` and `evaluate` as a user calls them, in this process."""

import errno
import json

import pytest
import torch

from command_line import error_of, write
from pointlora.cli.main import main
from pointlora.models.classifier import PointClassifier
from training_runs import tiny_pretraining, tiny_recipe


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Pre-train, then fine-tune on the result; returns the two run folders."""
    folder = tmp_path_factory.mktemp("pipeline")
    recipe = write(folder, tiny_pretraining(folder / "pretrained", epochs=1))
    assert main(["pretrain", recipe]) == 0
    weights = folder / "pretrained" / "model.safetensors"
    recipe = write(folder, tiny_recipe(folder / "tuned", epochs=1))
    assert main(["train", recipe, "--model.checkpoint", str(weights)]) == 0
    return folder


def test_training_reports_and_says_where(tmp_path, capsys):
    recipe = write(tmp_path, tiny_recipe(tmp_path / "run", epochs=2))
    assert main(["train", recipe, "--training.epochs", "1", "--training.protocol", "paper"]) == 0
    printed = capsys.readouterr()
    assert "chosen on the test set (papers' protocol)" in printed.out
    assert str(tmp_path / "run") in printed.out
    assert [line.split()[1] for line in printed.err.splitlines() if line.startswith("epoch")] == ["1/1"]
    assert json.loads((tmp_path / "run" / "results.json").read_text())["epochs"] == 1


def test_evaluate_finds_base_and_data_by_itself(pipeline, capsys):
    assert main(["evaluate", "--adapter", str(pipeline / "tuned"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    results = json.loads((pipeline / "tuned" / "results.json").read_text())
    assert found["confusion_matrix"] == results["confusion_matrix"]
    assert found["selected_on"] == "validation split"
    assert main(["evaluate", "--adapter", str(pipeline / "tuned" / "adapter"), "--votes", "2"]) == 0
    text = capsys.readouterr().out
    assert "2 votes" in text
    assert "confusion matrix" in text
    assert "chair" in text


def test_evaluate_in_bfloat16(pipeline, capsys, monkeypatch):
    """The figures may be equal; what the model computes in is not."""
    seen = []
    forward = PointClassifier.forward

    def watched(self, points):
        seen.append(self.position(points).dtype)
        return forward(self, points)

    monkeypatch.setattr(PointClassifier, "forward", watched)
    for precision, kind in (("32", torch.float32), ("bf16", torch.bfloat16)):
        seen.clear()
        assert main(["evaluate", "--adapter", str(pipeline / "tuned"), "--precision", precision]) == 0
        assert set(seen) == {kind}
    assert "overall" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "--adapter is missing"),
        (["--adapter", "{run}", "--precision", "16"], "did you mean 'bf16'"),
        (["--adapter", "nowhere"], "nowhere"),
        (["--adapter", "{run}", "--base", "nowhere.pth"], "nowhere.pth"),
        (["--adapter", "{run}", "--data.name", "procedurl"], "did you mean 'procedural'"),
        (["--adapter", "{run}", "--data.name", "procedural", "--data.options", "{categories: [chair, bed]}"], "bed"),
        (["--adapter", "{run}", "--data.split", "tset"], "did you mean 'test'"),
        (["--adapter", "{run}", "--votes", "0"], "votes is 0"),
        (["--adapter", "{run}", "--data.num_points", "4"], "4 points are too small"),
        (["--adapter", "{run}", "--acelerator", "cpu"], "did you mean '--accelerator'"),
    ],
)
def test_evaluating_what_does_not_fit(pipeline, words, expected, capsys):
    capsys.readouterr()
    assert main(["evaluate", *(word.replace("{run}", str(pipeline / "tuned")) for word in words)]) == 2
    assert expected in error_of(capsys)


def test_another_base_is_refused(pipeline, tmp_path, capsys):
    other = write(tmp_path, tiny_pretraining(tmp_path / "other", epochs=1, seed=5))
    assert main(["pretrain", other]) == 0
    base = str(tmp_path / "other" / "model.safetensors")
    capsys.readouterr()
    assert main(["evaluate", "--adapter", str(pipeline / "tuned"), "--base", base]) == 2
    assert "belongs to a different base" in error_of(capsys)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--data.root", "x", "--data.name", "scanobjectnn", "--data.options", "{variant: pb_t50_rs}"], "x"),
        (["--data.name", "modelnet"], "did you mean 'modelnet40'"),
        (["--data.options.variant", "scn"], "did you mean 'scan'"),
        (["--data.augmentations", "[rotat]"], "did you mean 'rotate'"),
        (["--data.num_points", "8"], "8 points are too small"),
        (["--model.checkpoint", "nowhere.pth"], "nowhere.pth"),
        (["--model.num_heads", "3"], "num_heads 3"),
        (["--model.name", "point_mea"], "point_mae"),
        (["--training.accelerator", "tpu"], "training.accelerator"),
        (["--resume"], "no run to resume"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, words, expected, capsys):
    recipe = write(tmp_path, tiny_recipe(tmp_path / "run"))
    assert main(["train", recipe, *words]) == 2
    assert expected in error_of(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_a_full_disk_keeps_the_last_checkpoint_and_the_run_goes_on(tmp_path, capsys, monkeypatch):
    from pointlora.training import checkpoint_io

    real, calls = checkpoint_io.write_atomically, []

    def second_time_full(target, write):
        def fill(file):
            calls.append(target)
            if len(calls) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file)

        return real(target, fill)

    recipe = write(tmp_path, tiny_recipe(tmp_path / "run"))
    monkeypatch.setattr(checkpoint_io, "write_atomically", second_time_full)
    assert main(["train", recipe]) == 2
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert error_of(capsys) == f"pointlora: error: {last}: No space left on device"
    assert checkpoint_io.read_checkpoint(last)["global_step"] == 4
    assert [path.name for path in last.parent.iterdir()] == ["last.ckpt"]
    assert main(["train", recipe, "--method.rank", "3"]) == 2
    assert "method.rank = 2, not 3" in error_of(capsys)
    assert main(["train", recipe, "--resume"]) == 0
    assert "resuming" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named(tmp_path, capsys):
    recipe = write(tmp_path, tiny_recipe(tmp_path / "run", epochs=1))
    assert main(["train", recipe]) == 0
    (tmp_path / "run" / "results.json").unlink()
    (tmp_path / "run" / "checkpoints" / "last.ckpt").write_bytes(b"damaged")
    capsys.readouterr()
    assert main(["train", recipe]) == 2
    assert "last.ckpt is damaged" in error_of(capsys)


def test_ctrl_c_ends_with_130(tmp_path, capsys, monkeypatch):
    from pointlora.training.classification.module import ClassificationModule

    def interrupt(self, batch, batch_idx):
        raise KeyboardInterrupt

    monkeypatch.setattr(ClassificationModule, "training_step", interrupt)
    assert main(["train", write(tmp_path, tiny_recipe(tmp_path / "run"))]) == 130
    assert error_of(capsys) == "pointlora: error: interrupted"


def test_other_frozen_weights_are_refused_on_resuming(tmp_path, capsys):
    pretrained = write(tmp_path, tiny_pretraining(tmp_path / "base", epochs=1))
    assert main(["pretrain", pretrained]) == 0
    base = tmp_path / "base" / "model.safetensors"
    recipe = write(tmp_path, tiny_recipe(tmp_path / "run", epochs=1))
    assert main(["train", recipe, "--model.checkpoint", str(base)]) == 0
    (tmp_path / "run" / "results.json").unlink()
    other = write(tmp_path, tiny_pretraining(tmp_path / "other", epochs=1, seed=3))
    assert main(["pretrain", other]) == 0
    base.write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    capsys.readouterr()
    write(tmp_path, tiny_recipe(tmp_path / "run", epochs=1))
    assert main(["train", recipe, "--model.checkpoint", str(base)]) == 2
    assert "frozen weights are not those" in error_of(capsys)
