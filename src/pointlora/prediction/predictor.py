"""Class probabilities of a user's own files, with the preprocessing that the adapter was trained with."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_integer
from pointlora.errors import DataError
from pointlora.prediction.opening import AdaptedPredictor, FileReader, all_good

if TYPE_CHECKING:
    from pointlora.data.files import PointCloud


@dataclass(frozen=True)
class Prediction:
    """What a classifier says about one file.

    Attributes:
        source: the file.
        num_points: points that the file holds (that were sampled, for a mesh).
        class_names: C names.
        probabilities: (C,) float64, their sum is 1.
        num_dropped: rows of the file that hold no point (NaN).
    """

    source: Path
    num_points: int
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float64]
    num_dropped: int = 0

    def top(self, count: int = 1) -> list[tuple[str, float]]:
        """The `count` most probable classes with their probabilities, best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.class_names[index], float(self.probabilities[index])) for index in order]


@dataclass(frozen=True)
class ClassifierResult:
    """What a classifier says about a batch.

    Attributes:
        probabilities: (B, C) float64.
        selected: centers (B, K, 3) of the patches that token selection chose, an array a scale.
    """

    probabilities: NDArray[np.float64]
    selected: tuple[NDArray[np.float32], ...]


class FileClassifier(FileReader, ABC):
    """Classifies files; more attributes are those of `FileReader`.

    Attributes:
        class_names: C names.
    """

    class_names: tuple[str, ...]

    def predict(self, files: Sequence[str | os.PathLike[str]], batch_size: int = 32) -> list[Prediction]:
        """Predictions for files, in their order.

        Raises:
            DataError: for the first file that can't be read, naming it.
        """
        return all_good(self.predict_each(map(Path, files), batch_size))

    def predict_each(self, files: Iterable[Path | DataError], batch_size: int = 32) -> Iterator[Prediction | DataError]:
        """One result a file, in order: a prediction, or the error of a file that can't be read.

        Files are read and classified a batch at a time, so memory doesn't grow with their number. The result of a
        file doesn't depend on which others are in its batch. Errors among `files` are passed on.
        """
        check_integer("batch_size", batch_size, 1)
        iterator = iter(files)
        while batch := list(islice(iterator, batch_size)):
            clouds = [self._read(path) for path in batch]
            good = [cloud.featured for cloud in clouds if not isinstance(cloud, DataError)]
            rows = iter(self.probabilities(good) if good else ())
            for path, cloud in zip(batch, clouds, strict=True):
                if isinstance(cloud, DataError):
                    yield cloud
                else:
                    assert isinstance(path, Path)
                    yield Prediction(path, len(cloud), self.class_names, next(rows), cloud.num_dropped)

    def probabilities(self, clouds: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Class probabilities (B, C) of raw clouds, each (N_i, 3), or (N_i, 3 + F) with the adapter's features."""
        return self.run(self.prepare(clouds)).probabilities

    def prepare(self, clouds: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Raw clouds as the model sees them: (B, num_points, 3), in the unit sphere, turned to the up axis."""
        turned = [self.turned(cloud) for cloud in clouds]
        return self.transform(turned, [(0, index) for index in range(len(turned))])

    @abstractmethod
    def run(self, points: NDArray[np.float32]) -> ClassifierResult:
        """Classify prepared clouds (B, num_points, 3)."""

    def _read(self, path: Path | DataError) -> PointCloud | DataError:
        if isinstance(path, DataError):
            return path
        try:
            return self.read_file(path)
        except DataError as error:
            return error


class TorchClassifier(FileClassifier):
    """Classifies files with a model of torch.

    Attributes:
        model: points (B, N, 3) to something with `logits` (B, C).
        device: where to compute.
    """

    model: Any
    device: Any

    def run(self, points: NDArray[np.float32]) -> ClassifierResult:
        """Classify prepared clouds (B, num_points, 3)."""
        import torch

        with torch.no_grad():
            output = self.model(torch.from_numpy(points).to(self.device))
        selected = tuple(centers.cpu().float().numpy() for centers in getattr(output, "selected", ()))
        return ClassifierResult(output.logits.double().softmax(-1).cpu().numpy(), selected)


class Predictor(AdaptedPredictor, TorchClassifier):
    """An adapter for classification on its backbone, ready for files; arguments are those of `AdaptedPredictor`."""

    task = "classification"

    def read_outputs(self, folder: str | os.PathLike[str], config: dict[str, Any]) -> None:
        """Keep the names of the classes."""
        from pointlora.adapters.loading import adapter_classes

        self.class_names = adapter_classes(folder, config)
