"""A very small adapter on disk, with its backbone's weights beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import pointlora

SIZES: dict[str, Any] = {
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (16, 32, 32),
}
CLASS_NAMES = ("cube", "sphere", "cone")
NUM_POINTS = 128


def write_base(path: Path) -> Path:
    """Weights of a masked autoencoder, as `pointlora pretrain` writes them."""
    torch.manual_seed(0)
    model = pointlora.create_model("point_mae_tiny", "pretraining", **SIZES)
    save_file(model.state_dict(), path)
    return path


def write_adapter(folder: Path, checkpoint: str | None = "../base.safetensors", **extra: Any) -> Path:
    """An adapter in `folder` with random weights, and `base.safetensors` beside the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    base = write_base(folder.parent / "base.safetensors")
    torch.manual_seed(1)
    model = pointlora.create_model("point_mae_tiny", num_classes=len(CLASS_NAMES), **SIZES)
    pointlora.load_checkpoint(model, base)
    pointlora.apply_method(model, "pointlora")
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.normal_(std=0.3)  # so that clouds differ clearly in their probabilities
    preprocessing = {"num_points": NUM_POINTS, "normalize": True, "up_axis": "z"}
    extra.setdefault("metrics", {"accuracy": 0.75})
    return pointlora.save_adapter(model, folder, CLASS_NAMES, preprocessing, checkpoint, **extra)
