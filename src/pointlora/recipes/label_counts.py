"""How many labels of each class: what recipes may say of it. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

from pointlora.errors import ConfigError

# Every label that there is, as one of several counts.
ALL: Literal["all"] = "all"
# Of a method's folder in a comparison: what holds its runs with so many labels.
LABELS_FOLDER = "labels_"
# Data sets whose number of labels is their own.
FEW_SHOT = ("fewshot", "fewshot_files")


def check_counted(key: str, value: Any, data_name: str, label_fraction: float) -> None:
    """Labels are counted by class only where nothing else says how many there are.

    Raises:
        ConfigError: naming the setting that does.
    """
    if label_fraction != 1.0:
        raise ConfigError(f"{key} is {value}, and data.label_fraction {label_fraction}: give one of them")
    if data_name in FEW_SHOT:
        raise ConfigError(
            f"{key} is {value}, but few-shot folds ({data_name}) count their labels by shots: leave it out, or name "
            "the data set that folds are drawn from"
        )


def check_label_counts(counts: Any) -> list[int | str]:
    """The counts of a comparison in increasing order, `all` last.

    Args:
        counts: whole numbers from 1 on, and `all`, each once.

    Raises:
        ConfigError: if they aren't.
    """
    if not isinstance(counts, Sequence) or isinstance(counts, str):
        raise ConfigError(f"labels_per_class is {counts!r}, but it must be a list, such as [1, 2, 5, 10, 20, all]")
    for count in counts:
        if count != ALL and (not isinstance(count, Integral) or isinstance(count, bool) or count < 1):
            raise ConfigError(f"each of labels_per_class is {count!r}, but it must be an integer of at least 1, or all")
    if len(set(counts)) < len(counts):
        raise ConfigError(f"labels_per_class is {list(counts)}, but each count may appear only once")
    return sorted(counts, key=lambda count: (count == ALL, 0 if count == ALL else count))
