"""Models as recipes and adapters describe them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from pointlora.adapters.folder import load_adapter
from pointlora.adapters.folder_config import read_adapter_config
from pointlora.adapters.methods import apply_method
from pointlora.data.parts.space import PartSpace
from pointlora.errors import AdapterError, CheckpointError, ConfigError
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.classifier import PointClassifier
from pointlora.models.masked_autoencoder import MaskedAutoencoder
from pointlora.models.pretrained import PRETRAINED, locate_weights
from pointlora.models.registry import create_model
from pointlora.models.segmenter import PartSegmenter
from pointlora.training.randomness import isolated_randomness
from pointlora.training.recipe import PretrainRecipe, TrainRecipe
from pointlora.training.recipe_method import method_config

# Width of the embeddings that are compared, as in SimCLR.
CONTRAST_DIM = 128


def build_classifier(
    recipe: TrainRecipe, class_names: Sequence[str], weights: Mapping[str, Tensor] | None = None
) -> PointClassifier:
    """The backbone with its pre-trained weights, if any, and the tuning method.

    New weights are a function of the recipe's seed.

    Args:
        recipe: what to build.
        class_names: of the data.
        weights: what `model.checkpoint` holds, where it has been read already.

    Raises:
        ConfigError: for an unknown model or sizes that don't fit together.
        CheckpointError: if the pre-trained file can't be read or doesn't fit.
    """
    return cast(PointClassifier, _tuned_model(recipe, weights, num_classes=len(class_names)))


def build_part_segmenter(
    recipe: TrainRecipe, space: PartSpace, weights: Mapping[str, Tensor] | None = None
) -> PartSegmenter:
    """The backbone with its pre-trained weights, if any, a part head, and the tuning method; as `build_classifier`.

    Raises:
        ConfigError, CheckpointError: as in `build_classifier`.
    """
    options: dict[str, Any] = {"num_parts": space.num_parts, "num_categories": space.num_categories}
    if recipe.model.head_dims is not None:
        options["head_dims"] = recipe.model.head_dims
    return cast(PartSegmenter, _tuned_model(recipe, weights, **options))


def _tuned_model(recipe: TrainRecipe, weights: Mapping[str, Tensor] | None, **options: Any) -> nn.Module:
    config, seed = recipe.model, recipe.training.seed
    model = _initial_model(seed, config.name, recipe.task, **options, **config.sizes)
    if config.checkpoint is not None:
        # A file may come from fine-tuning on other classes (PointGPT's second stage): a run makes its own head.
        source = locate_weights(config.checkpoint, config.name) if weights is None else weights
        load_checkpoint(model, source, head=False)
    with isolated_randomness("method", seed):
        apply_method(model, method_config(recipe.method))
    return model


def build_autoencoder(recipe: PretrainRecipe, num_categories: int) -> MaskedAutoencoder:
    """The masked autoencoder of a pre-training run; `model.checkpoint` goes on from weights of an earlier one.

    Args:
        recipe: of the run.
        num_categories: of its data, for the objective that wants them.

    Raises:
        ConfigError, CheckpointError: as in `build_classifier`.
    """
    config, objective = recipe.model, recipe.objective
    options: dict[str, Any] = {"mask_ratio": recipe.mask_ratio, "decoder_depth": recipe.decoder_depth}
    if objective.contrast:
        options["contrast_dim"] = CONTRAST_DIM
    if objective.category:
        if not num_categories:
            raise ConfigError("objective.category needs labelled clouds, and data has no classes")
        options["num_categories"] = num_categories
    model = _initial_model(recipe.training.seed, config.name, "pretraining", **config.sizes, **options)
    if config.checkpoint is not None:
        load_checkpoint(model, locate_weights(config.checkpoint, config.name))
    return cast(MaskedAutoencoder, model)


def load_adapted_model(
    folder: str | os.PathLike[str], base: str | os.PathLike[str] | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """An adapter on its backbone, in evaluation mode.

    Args:
        folder: written by `save_adapter` or `pointlora train`.
        base: file with the backbone's weights; by default the one that the adapter names.

    Returns:
        the model, and the content of the adapter's `adapter_config.json`: `class_names`, `preprocessing` with
        `num_points`, `normalize` and `up_axis`, and so on.

    Raises:
        AdapterError: if the adapter is damaged, or the backbone is missing or another one.
        CheckpointError: if the backbone's file can't be read.
    """
    config = read_adapter_config(folder)
    described = config["base_model"]
    model = _initial_model(
        config.get("initial_seed", 0),
        described["name"],
        described["task"],
        **described["sizes"],
        **described["options"],
    )
    checkpoint = find_base(folder, config, base)
    if checkpoint is not None:
        load_checkpoint(model, checkpoint, head=False)
    elif "initial_seed" not in config:
        raise AdapterError(f"{folder} doesn't say where its backbone's weights are: give their file with --base")
    return load_adapter(model, folder).eval(), config


def adapter_parts(folder: str | os.PathLike[str], config: dict[str, Any]) -> PartSpace:
    """Parts and categories that an adapter for part segmentation tells apart.

    Args:
        folder: of the adapter, for messages.
        config: content of its `adapter_config.json`.

    Raises:
        AdapterError: if it is for another task, or doesn't say.
    """
    task = config["base_model"]["task"]
    if task != "part_segmentation":
        raise AdapterError(f"{folder} is for {task}, not for part_segmentation")
    try:
        space = PartSpace.from_dict(config["parts"])
    except (KeyError, ConfigError) as error:
        raise AdapterError(f"{folder} doesn't say which parts it tells apart ({error})") from error
    options = config["base_model"]["options"]
    if (space.num_parts, space.num_categories) != (options.get("num_parts"), options.get("num_categories")):
        raise AdapterError(f"{folder} is damaged: it names {space.num_parts} parts, its model has others")
    return space


def find_base(
    folder: str | os.PathLike[str], config: dict[str, Any], base: str | os.PathLike[str] | None
) -> str | os.PathLike[str] | None:
    """Where the backbone's weights of an adapter are: `base`, or what the adapter names, seen from here or from it.

    Returns:
        a path, or None for an adapter that was trained on random weights (or doesn't say on which).

    Raises:
        CheckpointError: if there is no such file.
    """
    if base is not None:
        if not Path(base).exists():
            raise CheckpointError(f"no such weight file: {base}")
        return base
    named = config["base_model"].get("checkpoint")
    if named is None:
        return None
    if named == PRETRAINED:
        return locate_weights(named, config["base_model"]["name"])
    places = [Path(named), Path(folder) / named]
    for place in places:
        if place.exists():
            return place
    raise CheckpointError(f"{named}, the backbone of {folder}, does not exist; give its place with --base")


def _initial_model(seed: int, name: str, task: str, **options: Any) -> nn.Module:
    """A model whose random weights are a function of the seed: an adapter trained on them can find them again."""
    with isolated_randomness("weights", seed):
        return create_model(name, task, **options)
