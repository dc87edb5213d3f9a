"""Backbones, their pieces, the registry, and official checkpoints."""

from pointlora.lazy import lazy_names

__all__ = ["LoadReport", "count_parameters", "create_model", "list_models", "load_checkpoint"]

__getattr__ = lazy_names(
    __name__,
    {
        "LoadReport": "checkpoints",
        "count_parameters": "parameters",
        "create_model": "create",
        "list_models": "registry",
        "load_checkpoint": "checkpoints",
    },
)
