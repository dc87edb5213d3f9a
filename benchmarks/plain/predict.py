"""The class of one file with a whole checkpoint, as a script of a public code would find it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

SIZES: dict[str, dict[str, Any]] = {
    "point_mae": {},
    "point_mae_tiny": {"dim": 192, "depth": 6, "num_heads": 3, "num_groups": 64, "dims": (32, 64, 128)},
}
POINTS = {"point_mae": 2048, "point_mae_tiny": 1024}


def predict(model: str, checkpoint: str, file: str, device: str) -> dict[str, float]:
    """Class number and probability."""
    from .classifier import PlainClassifier
    from .geometry import farthest_points, pick_points

    network = PlainClassifier(**SIZES[model])
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["base_model"])
    network.to(device).eval()
    cloud = np.load(file)
    cloud = cloud - cloud.mean(axis=0)
    cloud = cloud / np.max(np.sqrt(np.sum(cloud**2, axis=1)))
    points = torch.from_numpy(cloud).float()[None].to(device)
    points = pick_points(points, farthest_points(points, POINTS[model]))
    with torch.no_grad():
        probabilities = network(points)[0].softmax(-1)[0]
    best = int(probabilities.argmax())
    return {"class": best, "probability": float(probabilities[best])}
