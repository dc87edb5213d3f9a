"""Predictions for a user's own files, from an adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.prediction.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]

__getattr__ = lazy_names(__name__, {"Prediction": "predictor", "Predictor": "predictor"})
