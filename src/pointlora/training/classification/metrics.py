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


def confusion_csv(metrics: ClassificationMetrics) -> str:
    """The confusion matrix as CSV text: a row a true class, a column a predicted one."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["true \\ predicted", *metrics.class_names])
    for name, row in zip(metrics.class_names, metrics.confusion.tolist(), strict=True):
        writer.writerow([name, *row])
    return text.getvalue()


def metrics_table(metrics: ClassificationMetrics, caption: str) -> str:
    """A table for people: caption, overall figures, and a line a class."""
    width = max(len("class mean"), *(len(name) + 2 for name in metrics.class_names))
    counts = metrics.confusion.sum(1)
    lines = [caption, f"{'overall':<{width}}  {100 * metrics.accuracy:6.2f} %  of {metrics.count}"]
    lines.append(f"{'class mean':<{width}}  {100 * metrics.class_mean_accuracy:6.2f} %")
    for (name, value), count in zip(metrics.per_class.items(), counts, strict=True):
        lines.append(f"  {name:<{width - 2}}  {'     -' if value is None else f'{100 * value:6.2f}'} %  of {count}")
    return "\n".join(lines)
