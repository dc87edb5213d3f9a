"""PointLoRA: fine-tune pre-trained point-cloud transformers with a few per cent of their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names
from pointlora.version import __version__

if TYPE_CHECKING:
    from pointlora.adapters.folder import load_adapter, save_adapter
    from pointlora.methods.lora import merge_lora, unmerge_lora
    from pointlora.methods.registry import apply_method
    from pointlora.methods.settings.pointlora import PointLoraConfig
    from pointlora.methods.table import list_methods, method_config
    from pointlora.models.checkpoints import LoadReport, load_checkpoint
    from pointlora.models.create import create_model
    from pointlora.models.parameters import count_parameters
    from pointlora.models.pretrained import list_pretrained
    from pointlora.models.registry import list_models
    from pointlora.training.head_fitting import fit_head

__all__ = [
    "LoadReport",
    "PointLoraConfig",
    "__version__",
    "apply_method",
    "count_parameters",
    "create_model",
    "fit_head",
    "list_methods",
    "list_models",
    "list_pretrained",
    "load_adapter",
    "load_checkpoint",
    "merge_lora",
    "method_config",
    "save_adapter",
    "unmerge_lora",
]

__getattr__ = lazy_names(
    __name__,
    {
        "LoadReport": "models.checkpoints",
        "PointLoraConfig": "methods.settings.pointlora",
        "apply_method": "methods.registry",
        "count_parameters": "models.parameters",
        "create_model": "models.create",
        "fit_head": "training.head_fitting",
        "list_methods": "methods.table",
        "list_models": "models.registry",
        "list_pretrained": "models.pretrained",
        "load_adapter": "adapters.folder",
        "load_checkpoint": "models.checkpoints",
        "merge_lora": "methods.lora",
        "method_config": "methods.table",
        "save_adapter": "adapters.folder",
        "unmerge_lora": "methods.lora",
    },
)
