"""Predictions for a user's own files: from an adapter, an exported file, or text embeddings of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.prediction.onnx import OnnxPartPredictor, OnnxPredictor, open_onnx
    from pointlora.prediction.part_files import write_prediction
    from pointlora.prediction.part_prediction import PartPrediction
    from pointlora.prediction.parts import PartPredictor
    from pointlora.prediction.predictor import Prediction, Predictor
    from pointlora.prediction.zero_shot import ZeroShotPredictor

__all__ = [
    "OnnxPartPredictor",
    "OnnxPredictor",
    "PartPrediction",
    "PartPredictor",
    "Prediction",
    "Predictor",
    "ZeroShotPredictor",
    "open_onnx",
    "write_prediction",
]

__getattr__ = lazy_names(
    __name__,
    {
        "OnnxPartPredictor": "onnx",
        "OnnxPredictor": "onnx",
        "PartPrediction": "part_prediction",
        "PartPredictor": "parts",
        "Prediction": "predictor",
        "Predictor": "predictor",
        "ZeroShotPredictor": "zero_shot",
        "open_onnx": "onnx",
        "write_prediction": "part_files",
    },
)
