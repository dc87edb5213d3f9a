"""What a file or folder is, said without running anything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.inspection.kinds import describe

__all__ = ["describe"]

__getattr__ = lazy_names(__name__, {"describe": "kinds"})
