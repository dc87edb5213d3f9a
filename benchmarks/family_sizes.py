"""Parameters and adapter sizes of every model with PointLoRA, as a Markdown table.

    python -m benchmarks.family_sizes [num_classes]

Nothing is computed: the models are built without memory for their weights.
"""

from __future__ import annotations

import sys

import torch

from pointlora import apply_method, count_parameters, create_model, list_models
from pointlora.adapters.state import adapter_state


def row(name: str, num_classes: int) -> str:
    """One model's line of the table."""
    with torch.device("meta"):
        model = create_model(name, num_classes=num_classes)
        alone = count_parameters(model).total
        apply_method(model, "pointlora")
    count = count_parameters(model)
    size = sum(value.numel() * value.element_size() for value in adapter_state(model).values()) / 1e6
    return f"| `{name}` | {alone:,} | {count.trainable:,} | {count.total:,} | {100 * count.share:.2f}% | {size:.1f} |"


def table(num_classes: int = 15) -> list[str]:
    """The lines of the whole table."""
    head = [
        "| model | network | trained | total with PointLoRA | share | adapter, MB |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    return head + [row(name, num_classes) for name in list_models()]


if __name__ == "__main__":
    print("\n".join(table(*map(int, sys.argv[1:2]))))
