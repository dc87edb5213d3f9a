"""Files as the official codes write them, from the golden weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from goldens import Golden
from pointlora import create_model

# Golden configurations are those of the official codes; these are their names here.
_SIZES = {
    "trans_dim": "embed_dim",
    "embed_dim": "embed_dim",
    "depth": "depth",
    "num_heads": "num_heads",
    "num_group": "num_groups",
    "group_size": "group_size",
    "cls_dim": "num_classes",
    "encoder_dim": "embed_dim",
    "encoder_depth": "depth",
    "encoder_heads": "num_heads",
    "tokenizer_num_groups": "num_groups",
    "tokenizer_group_size": "group_size",
}

# Golden file -> model and its options.
GOLDENS = {
    "pcp_mae_cls_small": ("pcp_mae", {}),
    "pcp_mae_cls_2layers": ("pcp_mae", {}),
    "maskpoint_cls_small": ("maskpoint", {"tokenizer_out": 64}),
    "maskpoint_cls_2layers": ("maskpoint", {"head_layers": "1x"}),
    "point_femae_cls_small": ("point_femae", {"neighbors": 8}),
    "point_femae_cls_2layers": ("point_femae", {}),
    "point_femae_plain_cls_small": ("point_femae_plain", {}),
    "point_pqae_cls_small": ("point_pqae", {}),
    "point_jepa_cls_small": ("point_jepa", {}),
    "point_jepa_cls_2layers": ("point_jepa", {}),
    "point2vec_cls_small": ("point2vec", {}),
}


def model_of(golden: Golden, name: str, **options: object) -> nn.Module:
    """The registered model with the sizes of a golden file."""
    sizes = {_SIZES[key]: value for key, value in golden.meta["config"].items() if key in _SIZES}
    if "classes" in golden.meta:
        sizes["num_classes"] = golden.meta["classes"]
    return create_model(name, **sizes, **options)


def write_official(path: Path, weights: Mapping[str, Tensor], prefix: str = "") -> Path:
    """A checkpoint with what the official codes put beside the weights; `prefix` is that of data-parallel runs."""
    content = {
        "base_model": {prefix + key: value for key, value in weights.items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 5e-4}]},
        "epoch": 3,
        "metrics": {"acc": np.float64(0.9)},
        "best_metrics": {"acc": np.float64(0.9)},
    }
    torch.save(content, path)
    return path


def pretrained_weights(
    golden: Golden, prefix: str, lacks: tuple[str, ...], extra: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    """Weights of a pre-trained file: the golden ones under `prefix`, without those that begin with one of `lacks`."""
    weights = {prefix + key: value for key, value in golden.state_dict.items() if not key.startswith(lacks)}
    return weights | {key: torch.ones(shape) for key, shape in extra.items()}


def official_logits(model: nn.Module, golden: Golden) -> float:
    """Largest difference of the model's logits from the official ones."""
    with torch.no_grad():
        return float((model.eval()(golden["points"]).logits - golden["logits"]).abs().max())
