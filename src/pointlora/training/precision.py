"""The precision of a run: what `training.precision: auto` stands for, decided once and kept by the run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pointlora.training.devices.choice import device_kind, evaluation_device, native_precision, warn_of_emulation
from pointlora.training.devices.world import current_world
from pointlora.training.run_folder import recorded_precision

Recipe = TypeVar("Recipe", bound=Any)


def settle_precision(recipe: Recipe) -> Recipe:
    """The recipe with 32 or bf16 in place of `auto`; a line on stderr says which, and whether bf16 is emulated.

    A run in the recipe's folder goes on with the precision that it began with, on whatever machine. A new one takes
    bf16 where the device computes in it.

    Raises:
        ConfigError: if the device isn't there, or the folder's config.yaml is damaged.
    """
    device = evaluation_device(recipe.training.accelerator)
    precision, reason = recipe.training.precision, ""
    if precision == "auto":
        precision, reason = recorded_precision(Path(recipe.output) / "config.yaml"), "as this run began"
    if precision is None:
        precision = native_precision(device)
        reason = f"this {device_kind(device)} {'computes in' if precision == 'bf16' else 'would emulate'} bf16"
    if current_world().first:
        if reason:
            print(f"training.precision auto: {precision} ({reason})", file=sys.stderr, flush=True)
        warn_of_emulation(precision, device)
    return replace(recipe, training=replace(recipe.training, precision=precision))
