"""Public names that are imported on first use (PEP 562), so that `pointlora --help` doesn't wait for torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module `__getattr__` that imports each name from the submodule that defines it.

    Args:
        package: the package's `__name__`.
        names: public name -> submodule, relative to `package` (for example `{"create_model": "models.create"}`).
    """

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{names[name]}"), name)

    return __getattr__
