"""Adapters merged into official checkpoints: what reads them computes what the adapter did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import pointlora
from adapter_samples import NUM_POINTS, SIZES
from pointlora.adapters.loading import load_adapted_model
from pointlora.cli.main import main
from pointlora.data.parts.space import PartSpace
from pointlora.errors import AdapterError
from pointlora.export.official import write_official
from random_runs import write_run

SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "method", ["lora", "dora", "full", *(pytest.param(name, marks=SLOW) for name in ("pissa", "bitfit", "head_only"))]
)
def test_classifiers(tmp_path: Path, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    run, output = write_run(tmp_path / "run", method), tmp_path / "merged.pth"
    assert main(["convert", str(run), "--to", "official", "--output", str(output)]) == 0
    assert capsys.readouterr().out.startswith(f"{output}: a fine-tuned point_mae file, ")
    content = torch.load(output, weights_only=True)
    assert content["base_model"]["encoder.first_conv.0.weight"].shape == (16, 3, 1)
    model = pointlora.create_model("point_mae_tiny", num_classes=3, **SIZES)
    report = pointlora.load_checkpoint(model, output)
    assert (report.missing, report.unexpected) == ([], [])
    adapted, _ = load_adapted_model(run / "adapter")
    points = torch.randn(4, NUM_POINTS, 3)
    with torch.no_grad():
        expected, found = adapted(points).logits, model.eval()(points).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert expected.std(0).max() > 1e-3  # the clouds are told apart


def test_part_segmenters(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "lora", "part_segmentation")
    written = write_official(run / "adapter", tmp_path / "merged.pth")
    assert (written.family, written.difference < 1e-5) == ("point_mae", True)
    model = pointlora.create_model("point_mae_tiny", "part_segmentation", num_parts=5, num_categories=2, **SIZES)
    pointlora.load_checkpoint(model, tmp_path / "merged.pth")
    adapted, _ = load_adapted_model(run / "adapter")
    points, category = torch.randn(2, NUM_POINTS, 3), torch.tensor([1, 0])
    with torch.no_grad():
        expected, found = adapted(points, category).logits, model.eval()(points, category).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"method": "pointlora"}, "its method adds .*lora, full, bitfit and head_only can"),
        pytest.param({"method": "token_selection"}, "can't be merged: its method adds ", marks=SLOW),
        pytest.param({"method": "dapt"}, "can't be merged: its method adds ", marks=SLOW),
        pytest.param({"method": "ppt"}, "can't be merged: its method adds ", marks=SLOW),
        ({"method": "pointlora-plus"}, "has another head than the official network .*'paired'.*readout published"),
        ({"method": "lora", "levels": (0, 1)}, r"another head .*its levels \(0, 1\), published \(1,\)"),
        ({"method": "lora", "pooling": ("max",)}, "another head .*its pooling"),
        ({"method": "lora", "scales": 2}, "another head .*its scales 2, published 1"),
        ({"method": "lora", "num_features": 1}, "takes 1 features beside x, y, z"),
        ({"method": "lora", "task": "part_segmentation", "space": PartSpace(("a", "b"))}, "knows no object categories"),
    ],
    ids=lambda value: "-".join(map(str, value.values()))[:40] if isinstance(value, dict) else "",
)
def test_what_an_official_layout_cannot_hold(tmp_path: Path, run: dict[str, Any], message: str) -> None:
    folder = write_run(tmp_path / "run", **run)
    with pytest.raises(AdapterError, match=message):
        write_official(folder / "adapter", tmp_path / "merged.pth")
    assert not (tmp_path / "merged.pth").exists()


def test_a_method_that_acts_without_weights_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", "lora")
    from pointlora.methods.pointlora import PointLora

    monkeypatch.setattr(PointLora, "after_block", lambda self, index, s: s._replace(tokens=1.1 * s.tokens))
    with pytest.raises(AdapterError, match="logits of the merged network differ by .* something that no weight holds"):
        write_official(run / "adapter", tmp_path / "merged.pth")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "official", "--output", "a.txt"], "--output a.txt must end with .pth, .pt, .ckpt"),
        (["--output", "a.pth"], "--to"),
        (["--to", "offical", "--output", "a.pth"], "offical"),
        (["--to", "official", "--output", "a.pth"], "no/such isn't an adapter folder"),
    ],
)
def test_mistakes_give_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "no/such", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
