"""Clouds with a part label at each point: data sets, transforms and loaders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.data.parts.loading import make_part_loader
    from pointlora.data.parts.registry import open_part_dataset
    from pointlora.data.parts.space import PartSpace

__all__ = ["PartSpace", "make_part_loader", "open_part_dataset"]

__getattr__ = lazy_names(
    __name__,
    {
        "PartSpace": "space",
        "make_part_loader": "loading",
        "open_part_dataset": "registry",
    },
)
