"""Confusion matrices as CSV and as a picture."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pointlora.errors import ShapeError
from pointlora.reports.figures import new_figure, save_png

_MOST_NUMBERS = 25  # beyond so many classes the numbers in the cells become too small to read


def confusion_csv(confusion: ArrayLike, class_names: Sequence[str]) -> str:
    """CSV text: a row a true class, a column a predicted one.

    Args:
        confusion: (C, C) counts.
        class_names: C names.

    Raises:
        ShapeError: if the shape and the names don't fit together.
    """
    matrix = _checked(confusion, class_names)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["true \\ predicted", *class_names])
    writer.writerows([name, *row] for name, row in zip(class_names, matrix.tolist(), strict=True))
    return text.getvalue()


def draw_confusion(
    confusion: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str], title: str = ""
) -> Path:
    """A PNG: colour is the share of the true class, the number in a cell its count.

    Args:
        confusion: (C, C) counts, rows are true classes.
        class_names: C names.
        path: where to; its folder is made.
        title: above the picture.

    Raises:
        ShapeError: if the shape and the names don't fit together.
        ConfigError: if matplotlib isn't installed.
    """
    matrix = _checked(confusion, class_names)
    size = len(class_names)
    side = min(max(4.0, 1.6 + 0.36 * size), 20.0)
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(size), class_names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(size), class_names, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title, fontsize=10)
    axes.tick_params(length=0)
    if size <= _MOST_NUMBERS:
        for row, column in np.argwhere(matrix > 0):
            color = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=7, color=color)
    figure.tight_layout()
    return save_png(figure, path)


def _checked(confusion: ArrayLike, class_names: Sequence[str]) -> NDArray[np.int64]:
    matrix = np.asarray(confusion)
    size = len(class_names)
    if size == 0 or matrix.shape != (size, size):
        raise ShapeError(f"a confusion matrix of {size} classes must be ({size}, {size}), got {matrix.shape}")
    return matrix.astype(np.int64)
