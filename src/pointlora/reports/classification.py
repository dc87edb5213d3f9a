"""Tables of a classifier's figures, as `ClassificationMetrics.as_dict` and results.json have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pointlora.reports.tables import csv_text


def metrics_table(figures: Mapping[str, Any], caption: str) -> str:
    """A table for people: caption, overall figures, and a line a class."""
    names = figures["class_names"]
    width = max(len("class mean"), *(len(name) + 2 for name in names))
    lines = [caption, f"{'overall':<{width}}  {100 * figures['accuracy']:6.2f} %  of {figures['count']}"]
    lines.append(f"{'class mean':<{width}}  {100 * figures['class_mean_accuracy']:6.2f} %")
    for name, row in zip(names, figures["confusion_matrix"], strict=True):
        value = figures["per_class"][name]
        lines.append(f"  {name:<{width - 2}}  {'     -' if value is None else f'{100 * value:6.2f}'} %  of {sum(row)}")
    return "\n".join(lines)


def confusion_table(figures: Mapping[str, Any]) -> str:
    """The confusion matrix for people: classes are numbered, and named at the left."""
    names, matrix = figures["class_names"], figures["confusion_matrix"]
    width = max(len(name) for name in names)
    cell = max(3, *(len(str(count)) for row in matrix for count in row))
    header = " ".join(f"{number:>{cell}}" for number in range(len(names)))
    lines = [f"{'':>{width + 5}}{header}"]
    for number, (name, row) in enumerate(zip(names, matrix, strict=True)):
        lines.append(f"{number:>3} {name:<{width}} " + " ".join(f"{count or '.':>{cell}}" for count in row))
    return "\n".join(lines)


def confusion_csv(figures: Mapping[str, Any]) -> str:
    """The confusion matrix as CSV text: a row a true class, a column a predicted one."""
    names = figures["class_names"]
    rows = ([name, *row] for name, row in zip(names, figures["confusion_matrix"], strict=True))
    return csv_text(["true \\ predicted", *names], rows)


def predictions_csv(
    sources: Sequence[str],
    truth: Sequence[int],
    predicted: Sequence[int],
    probabilities: Sequence[float],
    class_names: Sequence[str],
) -> str:
    """Predictions as CSV text: a row a cloud, with its class, the predicted one and the probability of that."""
    rows = (
        [source, class_names[true], class_names[found], f"{probability:.6f}"]
        for source, true, found, probability in zip(sources, truth, predicted, probabilities, strict=True)
    )
    return csv_text(["cloud", "true", "predicted", "probability"], rows)
