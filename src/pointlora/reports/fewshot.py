"""Figures of a few-shot evaluation as the papers write them, and as tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from pointlora.recipes.protocols import describe_selection
from pointlora.reports.tables import markdown_table, text_table


def percentages(accuracies: Sequence[float]) -> str:
    """`94.3 ± 2.1 %`, as the papers write it; without a deviation for a single fold."""
    mean = 100 * statistics.mean(accuracies)
    if len(accuracies) == 1:
        return f"{mean:.1f} %"
    return f"{mean:.1f} ± {100 * statistics.stdev(accuracies):.1f} %"


def headline(figures: dict[str, Any]) -> str:
    """The result in a line: setting, method, mean ± standard deviation, and how epochs were chosen."""
    recipe, folds = figures["recipe"], figures["folds"]
    many = f"mean ± standard deviation of {len(folds)} folds" if len(folds) > 1 else "one fold"
    return (
        f"{figures['ways']}-way {figures['shots']}-shot on {recipe['data']['name']}, {recipe['method']['name']} on "
        f"{recipe['model']['name']}: {percentages([fold['accuracy'] for fold in folds])} ({many}; "
        f"{describe_selection(figures['selected_on'])})"
    )


HEADER = ("fold", "accuracy (%)", "queries", "epoch", "classes")


def fold_rows(figures: dict[str, Any]) -> list[list[object]]:
    """One row per fold, under `HEADER`."""
    return [
        [
            fold["fold"],
            f"{100 * fold['accuracy']:.2f}",
            fold["count"],
            fold["best_epoch"],
            ", ".join(fold["class_names"]),
        ]
        for fold in figures["folds"]
    ]


def text_report(figures: dict[str, Any]) -> str:
    """The table and the headline for a terminal."""
    return f"{text_table(HEADER, fold_rows(figures))}\n{headline(figures)}"


def markdown_report(figures: dict[str, Any]) -> str:
    """The content of fewshot.md."""
    return f"{headline(figures)}.\n\n{markdown_table(HEADER, fold_rows(figures))}\n"
