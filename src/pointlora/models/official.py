"""Networks of ours in the files of the official codes: a `Layout` read from ours to theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pointlora.errors import CheckpointError
from pointlora.models.layouts import LIGHTNING, Layout
from pointlora.models.registry import get_family

# Of a pattern: groups without others in them, and what stands between.
_GROUP = re.compile(r"\(([^()]*)\)")
_REFERENCE = re.compile(r"\\(\d)")
# A version whose files Lightning still reads, and changes nothing in.
_LIGHTNING_VERSION = "2.0.0"


def official_weights(name: str, task: str, weights: Mapping[str, Tensor]) -> tuple[Layout, dict[str, Tensor]]:
    """The weights of a plain network as the official file of its family has them.

    Args:
        name: of the model.
        task: of the model.
        weights: its state dict, without what a method added.

    Returns:
        the layout and the weights, of the official network's names and shapes.

    Raises:
        CheckpointError: if its official code has no such file, or no place for a weight.
    """
    layouts = [each for each in get_family(name).layouts if each.stage == "fine-tuned" and each.task == task]
    if not layouts:
        raise CheckpointError(f"{name} has no official layout of networks that are fine-tuned for {task}")
    for layout in layouts:
        found = {official_key(layout, key): value for key, value in weights.items()}
        if None not in found and layout.matches(converted := _as_stored(layout, found)):  # type: ignore[arg-type]
            return layout, converted
    lost = next((key for key in weights if official_key(layouts[0], key) is None), None)
    what = f"no place for {lost}" if lost else "other weights"
    raise CheckpointError(f"the official layout of {name} for {task} has {what}")


def official_key(layout: Layout, key: str) -> str | None:
    """The official name of a weight of ours; None where the layout has none."""
    # The rule that says most of the weight: `head.local.0.` is no part of the head of classification, `head.`.
    rules = sorted(((new, old) for old, new in layout.rules if new is not None), key=lambda rule: -len(rule[0]))
    candidates = (_inverse(pattern, new, key) for new, pattern in rules)
    return next((found for found in candidates if found is not None and layout.rename(found) == key), None)


def file_content(layout: Layout, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """What `torch.save` makes a file of that the official code reads: the weights, and what it asks for beside them."""
    if layout.place == LIGHTNING:
        return {
            layout.place: dict(weights),
            "epoch": 0,
            "global_step": 0,
            "pytorch-lightning_version": _LIGHTNING_VERSION,
        }
    return {layout.place: dict(weights), "epoch": 0, "metrics": {}, "best_metrics": {}}


def _inverse(pattern: str, replacement: str, key: str) -> str | None:
    """The official name that a rule makes `key` of; None where it makes that of none.

    Patterns are of plain characters (escaped where need be) and of groups, and may end with `$`.
    """
    whole = pattern.endswith("$")
    groups = _GROUP.findall(pattern)
    ours = "".join(
        f"(?P<_{part}>{groups[int(part) - 1]})" if place % 2 else re.escape(part)
        for place, part in enumerate(_REFERENCE.split(replacement))
    )
    match = re.match(ours + ("$" if whole else ""), key)
    if match is None:
        return None
    theirs = "".join(
        match.groupdict().get(f"_{place // 2 + 1}", "") if place % 2 else part.replace("\\", "")
        for place, part in enumerate(_GROUP.split(pattern.removesuffix("$")))
    )
    return theirs + key[match.end() :]


def _as_stored(layout: Layout, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of official names in the shapes of the official network, with what it has beside them."""
    stored: dict[str, Tensor] = {}
    for key, value in weights.items():
        for _ in range(_kernel(layout, key) if value.ndim == 2 else 0):
            value = value.unsqueeze(-1)
        stored[key] = value
        for second in _second_names(layout, key):
            stored[second] = value.clone()
    for key, other, number in layout.idle:
        if other in stored:
            stored[key] = torch.full_like(stored[other], number)
    return stored


def _kernel(layout: Layout, key: str) -> int:
    return next((dimensions for pattern, dimensions in layout.kernels if re.match(pattern, key)), 0)


def _second_names(layout: Layout, key: str) -> Iterator[str]:
    for pattern, replacement in layout.twice:
        match = re.match(pattern, key)
        if match:
            yield match.expand(replacement) + key[match.end() :]
