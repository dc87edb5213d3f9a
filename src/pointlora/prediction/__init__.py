"""Predictions for a user's own files, from an adapter, or without training from text embeddings of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.prediction.part_files import write_prediction
    from pointlora.prediction.part_prediction import PartPrediction
    from pointlora.prediction.parts import PartPredictor
    from pointlora.prediction.predictor import Prediction, Predictor
    from pointlora.prediction.zero_shot import ZeroShotPredictor

__all__ = ["PartPrediction", "PartPredictor", "Prediction", "Predictor", "ZeroShotPredictor", "write_prediction"]

__getattr__ = lazy_names(
    __name__,
    {
        "PartPrediction": "part_prediction",
        "PartPredictor": "parts",
        "Prediction": "predictor",
        "Predictor": "predictor",
        "ZeroShotPredictor": "zero_shot",
        "write_prediction": "part_files",
    },
)
