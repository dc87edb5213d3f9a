"""Which epoch of a run is kept, what is measured, and how outputs say so."""

from __future__ import annotations

# protocol -> what results.json and adapters name as `selected_on`
PROTOCOLS = {
    "validation": "validation split",
    "k_fold": "held-out folds of the training set",
    "paper": "test set (papers' protocol)",
    "last": "nothing (last epoch)",
}
# training.measure_test -> what they name as `measured_on`
MEASURED_ON = {True: "test set", False: "validation split"}


def describe_selection(selected_on: str) -> str:
    """Words for captions: on what the best epoch was chosen, or that none was."""
    if selected_on == PROTOCOLS["last"]:
        return "last epoch, none was chosen"
    return f"best epoch chosen on the {selected_on}"
