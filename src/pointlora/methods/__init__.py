"""Tuning methods: the interface, one file per method, and the table of all; see docs/adding-a-method.md."""

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.methods.branches import Branch, add_branch
    from pointlora.methods.plugins import load_plugins
    from pointlora.methods.settings.base import MethodConfig
    from pointlora.methods.table import register
    from pointlora.models.method import Method, ParameterGroup, TokenSequence, TokenSet

__all__ = [
    "Branch",
    "Method",
    "MethodConfig",
    "ParameterGroup",
    "TokenSequence",
    "TokenSet",
    "add_branch",
    "load_plugins",
    "register",
]

__getattr__ = lazy_names(
    "pointlora",
    {
        "Branch": "methods.branches",
        "Method": "models.method",
        "MethodConfig": "methods.settings.base",
        "ParameterGroup": "models.method",
        "TokenSequence": "models.method",
        "TokenSet": "models.method",
        "add_branch": "methods.branches",
        "load_plugins": "methods.plugins",
        "register": "methods.table",
    },
)
