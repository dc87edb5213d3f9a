"""Classes from text embeddings, without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goldens import load_golden
from pointlora import create_model
from pointlora.cli.main import main
from pointlora.errors import CheckpointError, DataError
from pointlora.ops import validation
from pointlora.prediction import ZeroShotPredictor, zero_shot
from pointlora.prediction.zero_shot import EmbeddedClasses, read_classes

NAMES = np.array(["chair", "lamp", "table"])


def write_classes(path: Path, embeddings: Any, names: Any = NAMES) -> Path:
    np.savez(path, names=names, embeddings=embeddings)
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of Uni3D-tiny with the release's keys, whose blocks leave their input alone."""
    path = tmp_path_factory.mktemp("uni3d") / "model.pt"
    torch.manual_seed(0)
    golden, model = load_golden("uni3d_tiny_small"), create_model("uni3d_tiny", "embedding")
    weights = {f"module.{key}": value for key, value in golden.state_dict.items() if "visual.blocks" not in key}
    for name in ("encoder.second_conv.3", "encoder2trans", "trans2embed"):
        layer = {
            "encoder.second_conv.3": model.tokenizer.second_conv[3],
            "encoder2trans": model.tokenizer.reduce,
            "trans2embed": model.projection,
        }[name]
        weights[f"module.point_encoder.{name}.weight"] = layer.weight.detach()
        weights[f"module.point_encoder.{name}.bias"] = layer.bias.detach()
    blocks = {key: value for key, value in model.state_dict().items() if key.startswith("blocks.")}
    weights |= {f"module.point_encoder.visual.{key}": value for key, value in blocks.items()}
    weights["module.logit_scale"] = torch.tensor(4.0)
    torch.save({"module": weights}, path)
    return path


def test_probabilities_are_scaled_cosines(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero_shot, "NUM_POINTS", 600)
    points = np.random.default_rng([1]).normal(size=(700, 3)).astype(np.float32)
    np.savetxt(tmp_path / "scan.xyz", points, fmt="%.6f")
    embeddings = np.random.default_rng([2]).normal(size=(3, 1024))
    predictor = ZeroShotPredictor(base, write_classes(tmp_path / "classes.npz", embeddings), "cpu")
    (prediction,) = predictor.predict([tmp_path / "scan.xyz"])
    seen = torch.from_numpy(predictor.prepare([np.loadtxt(tmp_path / "scan.xyz", dtype=np.float32)]))
    assert seen.shape == (1, 600, 3)
    with torch.no_grad():
        own = predictor.model.model.embedding(seen)[0].double().numpy()
    cosines = embeddings @ own / np.linalg.norm(embeddings, axis=1) / np.linalg.norm(own)
    expected = np.exp(np.exp(4.0) * cosines)
    np.testing.assert_allclose(prediction.probabilities, expected / expected.sum(), atol=1e-4)
    assert prediction.class_names == ("chair", "lamp", "table")
    # A class whose text has the cloud's own embedding is the nearest.
    alike = EmbeddedClasses(predictor.model.model, np.stack([-own, own, np.roll(own, 1)]).astype(np.float32))
    assert int(alike(seen).logits.argmax()) == 1


def test_command_line(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(zero_shot, "NUM_POINTS", 600)
    np.savetxt(tmp_path / "scan.xyz", np.random.default_rng([1]).normal(size=(700, 3)), fmt="%.6f")
    classes = write_classes(tmp_path / "classes.npz", np.random.default_rng([2]).normal(size=(3, 1024)))
    scan = str(tmp_path / "scan.xyz")
    validation._tell_of_missing_colors.cache_clear()
    assert main(["predict", scan, "--zero-shot", str(classes), "--base", str(base), "--json"]) == 0
    printed = capsys.readouterr()
    warning = "pointlora: warning: the points have no colours: 0.4 is taken for all, as in pre-training"
    assert printed.err == f"{warning}\n"
    (found,) = json.loads(printed.out)["predictions"]
    assert {one["class"] for one in found["top"]} == set(NAMES)
    assert sum(one["probability"] for one in found["top"]) == pytest.approx(1)
    for arguments, words in [
        ([], "give one of --adapter DIR, --model ONNX and --zero-shot NPZ"),
        (["--zero-shot", str(classes), "--adapter", "x"], "give one of"),
        (["--zero-shot", str(classes)], "give their file with --base"),
        (["--zero-shot", str(tmp_path / "gone.npz"), "--base", str(base)], "gone.npz: no such file"),
    ]:
        assert main(["predict", scan, *arguments]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_networks_without_an_embedding_are_refused(tmp_path: Path) -> None:
    torch.save(load_golden("point_mae_cls_small").state_dict, tmp_path / "mae.pth")
    classes = write_classes(tmp_path / "classes.npz", np.ones((3, 1024)))
    with pytest.raises(CheckpointError, match=r"mae\.pth is of no network with an embedding; those are uni3d_base"):
        ZeroShotPredictor(tmp_path / "mae.pth", classes, "cpu")


def test_wrong_classes_are_named(tmp_path: Path, base: Path) -> None:
    good = np.ones((3, 1024), np.float32)
    path = tmp_path / "classes.npz"
    assert read_classes(write_classes(path, good))[0] == tuple(NAMES)
    for embeddings, names, words in [
        (good[:2], NAMES, "3 names and 2 embeddings"),
        (good, np.array(["a", "a", "b"]), "2 names and 3 embeddings"),
        (good, np.arange(3), "names are int64"),
        (good.astype(int), NAMES, "embeddings"),
        (np.zeros((3, 1024)), NAMES, "zero or not finite"),
        (good, np.array(["a", "b", "c"], object), "holds no classes"),
    ]:
        with pytest.raises(DataError, match=words) as caught:
            read_classes(write_classes(path, embeddings, names))
        assert "classes.npz" in str(caught.value)
    with pytest.raises(DataError, match=r"embeddings have 8 numbers each, but those of .*model\.pt have 1024"):
        ZeroShotPredictor(base, write_classes(path, np.ones((3, 8))), "cpu")
    path.write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(DataError, match="holds no classes"):
        read_classes(path)
