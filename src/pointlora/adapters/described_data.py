"""What an adapter's description says of the clouds that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# As many points as a recipe may give a cloud.
_MOST_SAMPLES = 10**7


def read_density(config: Mapping[str, Any]) -> dict[str, list[float]] | None:
    """How dense and large the clouds of training were; None where an adapter doesn't say."""
    found = config.get("density")
    if not isinstance(found, dict):
        return None
    pairs = [found.get(name) for name in ("spacing", "extent")]
    usable = all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(value, (int, float)) for value in pair)
        for pair in pairs
    )
    return found if usable else None


def read_mesh_samples(config: Mapping[str, Any]) -> int | None:
    """How many points were drawn from each mesh in training, where that wasn't the default."""
    data = config.get("data")
    options = data.get("options") if isinstance(data, dict) else None
    value = options.get("mesh_samples") if isinstance(options, dict) else None
    return value if isinstance(value, int) and 0 < value <= _MOST_SAMPLES else None
