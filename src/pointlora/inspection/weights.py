"""What a weight file is: whose, of what stage, and of which sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from pointlora.errors import CheckpointError
from pointlora.methods.table import SPECS
from pointlora.models.checkpoints import models_reading, recognize
from pointlora.models.layouts import Layout
from pointlora.models.pretrained import version_of
from pointlora.models.registry import list_models
from pointlora.models.strangers import name_stranger
from pointlora.models.weight_files import read_file, read_weights

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
_LIGHTNING = {"state_dict", "loops", "optimizer_states"}
_HEAD_WIDTH = 64  # of an attention head, in every published model of this kind


def describe_weights(path: Path) -> dict[str, Any]:
    """Family, stage and sizes of a weight file.

    Raises:
        CheckpointError: if it is damaged, would run code, or isn't of a known family.
    """
    content = read_file(path)
    weights, _ = read_weights(content)
    layout = recognize(weights)
    if content.keys() >= _LIGHTNING and (layout is None or layout.family == "pointlora"):
        return _describe_training_checkpoint(path, content)
    if layout is None:
        raise CheckpointError(_unknown(path, weights))
    own = layout.family == "pointlora"
    described: dict[str, Any] = {
        "kind": "checkpoint",
        "file": str(path),
        "family": "PointLoRA's own file" if own else layout.family,
        "stage": layout.stage,
        "layout": "own" if own else "official",
    }
    if layout.stage == "fine-tuned":
        described["task"] = layout.task
    if own and path.suffix == ".safetensors":
        described |= _own_metadata(path)
        if version := version_of(path):
            described["version"] = version
    described |= guess_sizes(weights, layout)
    described["parameters"] = count_weights(weights)
    described["tensors"] = len(weights)
    rank, method = _lora_rank(weights), _method_of(weights)
    if method or rank:
        described["tuning"] = method or "LoRA"
    if rank:
        described["lora_rank"] = rank
    described["reads_into"] = [name for name in list_models() if own] or models_reading(weights)
    if own:
        del described["reads_into"]
    if isinstance(content.get("epoch"), int):
        described["epoch"] = content["epoch"]
    if content.skipped:
        described["skipped"] = list(content.skipped)
    described["bytes"] = path.stat().st_size
    return described


def _own_metadata(path: Path) -> dict[str, str]:
    """The model's name, where the file says it."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    return {"model": metadata["model"]} if "model" in metadata else {}


def guess_sizes(weights: Mapping[str, Tensor], layout: Layout) -> dict[str, Any]:
    """The sizes that shapes tell, and the number of heads and of points per patch where they can be guessed."""
    shapes: dict[str, tuple[int, ...]] = {}
    for key, value in weights.items():
        name = layout.rename(key)
        if name is not None:
            shapes.setdefault(name.removeprefix("encoder."), tuple(value.shape))
    sizes: dict[str, Any] = {}
    width = next((shape[0] for name, shape in shapes.items() if re.fullmatch(r"blocks\.0\.norm1\.weight", name)), None)
    if width is not None:
        sizes["embed_dim"] = width
        sizes["depth"] = 1 + max(int(m[1]) for m in map(re.compile(r"blocks\.(\d+)\.norm1\.").match, shapes) if m)
        if width % _HEAD_WIDTH == 0:
            sizes["num_heads"] = f"{width // _HEAD_WIDTH} (guess: {_HEAD_WIDTH} channels each)"
    dims = _layer_widths(shapes, "tokenizer.first_conv.") + _layer_widths(shapes, "tokenizer.second_conv.")
    if dims:
        sizes["tokenizer_dims"] = dims[:-1]
    entry = shapes.get("tokenizer.first_conv.0.weight")
    if entry is not None and entry[1] != 3:
        sizes["channels"] = entry[1]
    if "tokenizer.reduce.weight" in shapes:
        sizes["tokenizer_out"] = shapes["tokenizer.reduce.weight"][1]
    rebuild = shapes.get("rebuild.weight")
    if rebuild is not None:
        sizes["group_size"] = rebuild[0] // 3
    head = _layer_widths(shapes, "head.")
    if head:
        sizes["num_classes"] = head[-1]
    parts = _layer_widths(shapes, "head.joint.")
    if parts:
        sizes["num_parts"] = parts[-1]
        sizes["num_categories"] = shapes["head.category.0.weight"][1] if "head.category.0.weight" in shapes else 0
    return sizes


def count_weights(weights: Mapping[str, Tensor]) -> int:
    """Parameters in a file; buffers of BatchNorm don't count."""
    return sum(value.numel() for key, value in weights.items() if not key.endswith(_BUFFERS))


def _layer_widths(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> list[int]:
    """Output widths of the linear layers (or convolutions) below a name, in order."""
    found = {}
    for name, shape in shapes.items():
        match = re.fullmatch(re.escape(prefix) + r"(\d+)\.weight", name)
        if match and len(shape) >= 2:
            found[int(match[1])] = shape[0]
    return [found[index] for index in sorted(found)]


def _method_of(weights: Mapping[str, Tensor]) -> str | None:
    """The tuning method of a whole checkpoint, where its keys tell."""
    for spec in SPECS.values():
        if spec.keys is not None and any(re.search(spec.keys, key) for key in weights):
            return spec.title or spec.kind
    return None


def _lora_rank(weights: Mapping[str, Tensor]) -> int | None:
    pattern = re.compile(r"lora_A(\.weight)?$|branches\.lora\.A$")
    return next((min(value.shape) for key, value in weights.items() if pattern.search(key)), None)


def _describe_training_checkpoint(path: Path, content: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "kind": "training checkpoint",
        "file": str(path),
        "epoch": content.get("epoch"),
        "step": content.get("global_step"),
        "use": "`pointlora train` (or pretrain) with the same recipe and --output resumes from it",
        "bytes": path.stat().st_size,
    }


def _unknown(path: Path, weights: Mapping[str, Tensor]) -> str:
    if all(key.startswith("base_model.model.") for key in weights):
        return f"{path} holds the weights of an adapter without its adapter_config.json: keep both in one folder"
    stranger = name_stranger(weights)
    if stranger:
        return f"{path} holds the weights of {stranger}: pointlora doesn't read it"
    return (
        f"{path} holds {len(weights)} tensors ({_first(weights)}), but it isn't a checkpoint of a model that pointlora "
        f"knows: {', '.join(list_models())}"
    )


def _first(keys: Iterable[str]) -> str:
    names = sorted(keys)
    return ", ".join(name[:60] for name in names[:2]) + (", …" if len(names) > 2 else "")
