"""Predictions for a user's own files, from an adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.prediction.part_files import write_prediction
    from pointlora.prediction.part_prediction import PartPrediction
    from pointlora.prediction.parts import PartPredictor
    from pointlora.prediction.predictor import Prediction, Predictor

__all__ = ["PartPrediction", "PartPredictor", "Prediction", "Predictor", "write_prediction"]

__getattr__ = lazy_names(
    __name__,
    {
        "PartPrediction": "part_prediction",
        "PartPredictor": "parts",
        "Prediction": "predictor",
        "Predictor": "predictor",
        "write_prediction": "part_files",
    },
)
