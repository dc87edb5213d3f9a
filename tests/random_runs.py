"""Runs of any method whose adapters are of random weights, as training leaves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import pointlora
from adapter_samples import CLASS_NAMES, NUM_POINTS, SIZES, write_base
from part_samples import SPACE
from pointlora.data.features import FeatureScaling
from pointlora.data.parts.space import PartSpace

PREPARED: dict[str, Any] = {"num_points": NUM_POINTS, "normalize": True, "up_axis": "z"}


def write_run(folder: Path, method: str, task: str = "classification", space: PartSpace = SPACE, **sizes: Any) -> Path:
    """A run whose adapter is of random weights, all of them; its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    base = write_base(folder / "base.safetensors")
    torch.manual_seed(1)
    parts = {"num_parts": space.num_parts, "num_categories": space.num_categories}
    counts = {"num_classes": len(CLASS_NAMES)} if task == "classification" else parts
    model = pointlora.create_model("point_mae_tiny", task, **SIZES, **counts, **sizes)
    pointlora.load_checkpoint(model, base)
    pointlora.apply_method(model, method)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    extra = {} if task == "classification" else {"parts": space.as_dict()}
    names = CLASS_NAMES if task == "classification" else None
    prepared = dict(PREPARED)
    if sizes.get("num_features"):
        prepared["features"] = FeatureScaling(("intensity",), (0.0,), (1.0,)).as_dict()
    pointlora.save_adapter(model, folder / "adapter", names, prepared, "../base.safetensors", metrics={}, **extra)
    return folder
