"""Trained models for other programs: files that say of themselves what prediction needs, and need no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.export.description import ExportDescription, Quantization

__all__ = ["ExportDescription", "Quantization"]

__getattr__ = lazy_names(
    __name__,
    {
        "ExportDescription": "description",
        "Quantization": "description",
    },
)
