"""Clouds of slow formats, converted once to a file from which each one is read alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.data.cache.source import CloudSource
    from pointlora.data.cache.store import open_cache

__all__ = ["CloudSource", "open_cache"]

__getattr__ = lazy_names(
    __name__,
    {"CloudSource": "source", "open_cache": "store"},
)
