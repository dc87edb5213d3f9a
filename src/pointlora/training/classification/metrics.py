"""Classification figures, all derived from one confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassificationMetrics:
    """Figures of one evaluation; accuracies are in [0, 1].

    Attributes:
        confusion: (C, C) counts, rows are true classes, columns predicted ones.
        class_names: name of each class.
    """

    confusion: NDArray[np.int64]
    class_names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Clouds evaluated."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Overall accuracy: share of clouds classified correctly."""
        return float(np.trace(self.confusion) / max(self.count, 1))

    @property
    def per_class(self) -> dict[str, float | None]:
        """Accuracy of each class; None for a class that doesn't occur."""
        hits, counts = np.diag(self.confusion), self.confusion.sum(1)
        return {
            name: float(hit / count) if count else None
            for name, hit, count in zip(self.class_names, hits, counts, strict=True)
        }

    @property
    def class_mean_accuracy(self) -> float:
        """Mean of the accuracies of the classes that occur."""
        present = [value for value in self.per_class.values() if value is not None]
        return float(np.mean(present)) if present else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "accuracy": self.accuracy,
            "class_mean_accuracy": self.class_mean_accuracy,
            "count": self.count,
            "per_class": self.per_class,
            "class_names": list(self.class_names),
            "confusion_matrix": self.confusion.tolist(),
        }


def metrics_from(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], class_names: tuple[str, ...]
) -> ClassificationMetrics:
    """Figures from true and predicted labels, both (n,)."""
    size = len(class_names)
    cells = np.bincount(truth * size + predicted, minlength=size * size)
    return ClassificationMetrics(cells.reshape(size, size), class_names)
