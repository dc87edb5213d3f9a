"""Which epoch of a run is kept, what is measured, and how outputs say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# protocol -> what results.json and adapters name as `selected_on`
PROTOCOLS = {
    "validation": "validation split",
    "k_fold": "held-out folds of the training set",
    "paper": "test set (papers' protocol)",
    "last": "nothing (last epoch)",
}
# training.measure_test -> what they name as `measured_on`
MEASURED_ON = {True: "test set", False: "validation split"}
# figures of the training clouds, each by a model that had not seen it, in results.json -> how captions call them
OUT_OF_FOLD = {
    "out_of_fold_accuracy": "accuracy",
    "out_of_fold_class_mean_accuracy": "class mean",
    "out_of_fold_instance_miou": "instance mIoU",
}


def describe_selection(selected_on: str) -> str:
    """Words for captions: on what the best epoch was chosen, or that none was."""
    if selected_on == PROTOCOLS["last"]:
        return "last epoch, none was chosen"
    return f"best epoch chosen on the {selected_on}"


def describe_protocol(results: Mapping[str, Any]) -> str:
    """The same for a run, from what results.json holds; with the figures of its held-out folds, where it has them."""
    known = [f"{name} {100 * results[key]:.2f} %" for key, name in OUT_OF_FOLD.items() if key in results]
    words = describe_selection(results["selected_on"])
    return f"{words}; out of fold: {', '.join(known)}" if known else words
