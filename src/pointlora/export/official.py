"""An adapter merged into its backbone, as a checkpoint that the backbone's own code evaluates."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from pointlora.adapters.loading import load_adapted_model
from pointlora.adapters.state import is_added
from pointlora.atomic import write_atomically
from pointlora.errors import AdapterError
from pointlora.methods.lora import LoraBranch, merge_lora
from pointlora.models.backbone import Backbone
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.create import create_model
from pointlora.models.official import file_content, official_weights

# Of the largest logit. Merging rounds differently from adding.
TOLERANCE = 1e-5
_READOUT = ("head", "levels", "pooling", "scales")
_CLOUDS = 2


class OfficialFile(NamedTuple):
    """What was written.

    Attributes:
        path: of the file.
        family: whose layout it has; several read the same.
        tensors: how many it holds.
        difference: largest one between the adapter's logits and those of a network that read the file.
    """

    path: Path
    family: str
    tensors: int
    difference: float


def write_official(
    folder: str | os.PathLike[str], output: str | os.PathLike[str], base: str | os.PathLike[str] | None = None
) -> OfficialFile:
    """Merge an adapter into its backbone and write both as one official checkpoint, whole or not at all.

    Before, a fresh network reads it, and its logits on random clouds are compared with the adapter's.

    Args:
        folder: of the adapter.
        output: file to write, `.pth` by custom.
        base: file with the backbone's weights; by default the one that the adapter names.

    Raises:
        AdapterError: if the adapter can't be read, or can't be said in that layout: its method adds what merges into no
            weight, its head isn't the published one, its points have features.
        CheckpointError: if the backbone can't be read, or has no official layout for the task.
        OSError: if the file can't be written.
    """
    adapted, config = load_adapted_model(folder, base)
    model = cast(Backbone, adapted)
    _check_features(folder, model)
    plain = _published(config)
    _check_head(folder, model, plain)
    inputs = _random_inputs(model, int((config.get("preprocessing") or {}).get("num_points", 1024)))
    expected = _logits(model, inputs)
    layout, weights = official_weights(model.name, model.task, merged_weights(folder, model))
    content = file_content(layout, weights)
    load_checkpoint(plain, content[layout.place])
    found = _logits(plain.eval(), inputs)
    difference = float((found - expected).abs().max())
    if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):
        raise AdapterError(
            f"{folder} can't be merged: the logits of the merged network differ by {difference:.2g} from its own, so "
            "its method does something that no weight holds; `pointlora export` writes such networks"
        )
    path = write_atomically(Path(output), lambda file: torch.save(content, file))
    return OfficialFile(path, layout.family, len(weights), difference)


def merged_weights(folder: object, model: Backbone) -> dict[str, Tensor]:
    """The state dict of the plain network that computes what an adapted one does; its LoRA is merged, in place.

    Raises:
        AdapterError: if the method added anything else.
    """
    if any(isinstance(module, LoraBranch) for module in model.modules()):
        merge_lora(model)
    merged = {
        f"{name}.{part}" for name, m in model.named_modules() if isinstance(m, LoraBranch) for part in m.state_dict()
    }
    weights = model.state_dict()
    left = [name for name in weights if is_added(name) and name not in merged]
    if left:
        raise AdapterError(
            f"{folder} can't be merged: its method adds {left[0]} ({len(left)} weights in all), and official layouts "
            "hold the plain network; lora, full, bitfit and head_only can, and `pointlora export` takes every method"
        )
    return {name: value.detach() for name, value in weights.items() if not is_added(name)}


def _published(config: dict[str, Any]) -> Backbone:
    """A fresh network of the adapter's model and sizes, with the published head."""
    described = config["base_model"]
    options = {key: value for key, value in described["options"].items() if key not in _READOUT}
    return cast(Backbone, create_model(described["name"], described["task"], **described["sizes"], **options))


def _check_features(folder: object, model: Backbone) -> None:
    if model.sizes.num_features:
        raise AdapterError(
            f"{folder} takes {model.sizes.num_features} features beside x, y, z, which official networks don't: train "
            "without data.features, or use `pointlora export`"
        )
    if model.task == "part_segmentation" and not cast(Any, model).num_categories:
        raise AdapterError(
            f"{folder} knows no object categories, but the head of the official part segmentation reads one: train on "
            "data with categories, or use `pointlora export`"
        )


def _check_head(folder: object, model: Backbone, plain: Backbone) -> None:
    for name in ("head_kind", "levels", "pooling", "scales"):
        own, published = getattr(model, name, None), getattr(plain, name, None)
        if own != published:
            raise AdapterError(
                f"{folder} has another head than the official network (its {name} {own!r}, published {published!r}): "
                "official layouts have no place for it; train one with method.readout published (such as method lora) "
                "and without model.head, levels, pooling and scales"
            )


def _random_inputs(model: Backbone, num_points: int) -> list[Tensor]:
    """Clouds, and their categories where the network is told them; the same each time."""
    generator = torch.Generator().manual_seed(0)
    clouds = torch.rand(_CLOUDS, max(num_points, *model.sizes.scale), 3, generator=generator)
    categories = int(getattr(model, "num_categories", 0))
    return [2 * clouds - 1, *([torch.randint(categories, (_CLOUDS,), generator=generator)] if categories else [])]


@torch.no_grad()
def _logits(model: Backbone, inputs: list[Tensor]) -> Tensor:
    logits: Tensor = model(*inputs).logits
    return logits
