"""Predictions from a file that `pointlora export` wrote, with NumPy and onnxruntime alone: no torch is loaded.

The classes, the labels and, within 1e-4, the probabilities are those of the adapter that was exported.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pointlora.data.plain_sampling import farthest_points
from pointlora.data.resampling import with_drawn_spread
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.errors import CheckpointError
from pointlora.export.description import CLASSIFICATION, SEGMENTATION, ExportDescription
from pointlora.export.onnx_file import OnnxFile, read_onnx
from pointlora.prediction.onnx_session import OnnxNetwork
from pointlora.prediction.opening import FileReader
from pointlora.prediction.part_labelling import PartLabeller
from pointlora.prediction.predictor import ClassifierResult, FileClassifier


class OnnxReader(FileReader):
    """Opens an exported file for one task.

    Args:
        model: the file, or what `read_onnx` gave.
        device: `auto`, `cpu` or `cuda`.
        up_axis: the axis that points up in the files (`x`, `y`, `z`) where it isn't the one of the training data.
        missing_features: `error`, or `zero` to go on with what says nothing in the place of a feature that a file
            lacks.

    Raises:
        DataError: if there is no such file.
        CheckpointError: if it is damaged, hostile, or for another task.
        ConfigError: for an unknown device or axis.
    """

    task: ClassVar[str]

    def __init__(
        self,
        model: str | os.PathLike[str] | OnnxFile,
        device: str = "auto",
        up_axis: str | None = None,
        missing_features: str = "error",
    ) -> None:
        file = model if isinstance(model, OnnxFile) else read_onnx(model)
        described = file.description
        if described.task != self.task:
            raise CheckpointError(f"{file.path} is for {described.task}, not for {self.task}")
        self.read_as(described_transform(described), up_axis, missing_features)
        self.density, self.mesh_samples = described.density, described.mesh_samples
        self.description = described
        self.network = OnnxNetwork(file, device)


class OnnxPredictor(OnnxReader, FileClassifier):
    """An exported classifier, ready for files; arguments are those of `OnnxReader`."""

    task = CLASSIFICATION

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.class_names = self.description.class_names

    def probabilities(self, clouds: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        if not self.description.preprocess:
            return super().probabilities(clouds)
        # The file prepares them itself, of any size: each goes alone.
        raw = [with_drawn_spread(self.turned(cloud), self.description.num_points) for cloud in clouds]
        return np.concatenate([self.run(cloud[None]).probabilities for cloud in raw])

    def run(self, points: NDArray[np.float32]) -> ClassifierResult:
        logits = self.network.logits(points=points).astype(np.float64)
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return ClassifierResult(weights / weights.sum(axis=-1, keepdims=True), ())


class OnnxPartPredictor(OnnxReader, PartLabeller):
    """An exported part segmenter, ready for files; arguments are those of `OnnxReader`."""

    task = SEGMENTATION
    # Each time the network looks at the whole cloud again, and its head holds some thousand numbers a point.
    points_at_once = 16_384

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        assert self.description.parts is not None
        self.space, self.min_points = self.description.parts, self.description.min_points

    def prepare(
        self, points: NDArray[np.float32], asked: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], Iterator[NDArray[np.float32]]]:
        if not self.description.preprocess:
            return super().prepare(points, asked)
        return with_drawn_spread(points, self.description.num_points), self.blocks(asked)

    def choose_parts(
        self, seen: NDArray[np.float32], blocks: Iterable[NDArray[np.float32]], category: int
    ) -> NDArray[np.int64]:
        known = {"category": np.array([category], dtype=np.int64)} if self.space.categories else {}
        others = ~self.space.allowed[category]
        parts = []
        for block in blocks:
            scores = self.network.logits(points=seen[None], queries=block[None], **known)[0]
            scores[:, others] = -np.inf
            parts.append(scores.argmax(axis=1))
        return np.concatenate(parts)


def open_onnx(
    model: str | os.PathLike[str] | OnnxFile,
    device: str = "auto",
    up_axis: str | None = None,
    missing_features: str = "error",
) -> OnnxPredictor | OnnxPartPredictor:
    """The predictor of an exported file, for whichever task it is; arguments and errors are those of `OnnxReader`."""
    file = model if isinstance(model, OnnxFile) else read_onnx(model)
    kind = OnnxPredictor if file.description.task == CLASSIFICATION else OnnxPartPredictor
    return kind(file, device, up_axis, missing_features)


def described_transform(described: ExportDescription) -> PointTransform:
    """The preparation of clouds that a file was trained with."""
    config = TransformConfig(
        num_points=described.num_points,
        normalize=described.normalize,
        up_axis=described.up_axis,
        features=described.features,
    )
    return PointTransform(config, train=False, farthest=farthest_points)
