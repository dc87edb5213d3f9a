"""Models as recipes and adapters describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn

from pointlora.adapters.loading import initial_model
from pointlora.adapters.starting import start_from_adapter
from pointlora.data.features import FeatureScaling
from pointlora.data.parts.space import PartSpace
from pointlora.errors import ConfigError
from pointlora.methods.registry import apply_method
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.classifier import PointClassifier
from pointlora.models.masked_autoencoder import MaskedAutoencoder
from pointlora.models.pretrained import locate_weights
from pointlora.models.registry import get_family
from pointlora.models.segmenter import PartSegmenter
from pointlora.randomness import isolated_randomness
from pointlora.recipes.method import method_config
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.recipes.runs import TrainRecipe

# Width of the embeddings that are compared, as in SimCLR.
CONTRAST_DIM = 128


def build_classifier(
    recipe: TrainRecipe,
    class_names: Sequence[str],
    weights: Mapping[str, Tensor] | None = None,
    features: FeatureScaling | None = None,
) -> PointClassifier:
    """The backbone with its pre-trained weights, if any, and the tuning method.

    New weights are a function of the recipe's seed.

    Args:
        recipe: what to build.
        class_names: of the data.
        weights: what `model.checkpoint` holds, where it has been read already.
        features: of the data; a backbone that knows colours from pre-training takes them from these.

    Raises:
        ConfigError: for an unknown model or sizes that don't fit together.
        CheckpointError: if the pre-trained file can't be read or doesn't fit.
    """
    return cast(PointClassifier, _tuned_model(recipe, weights, features, num_classes=len(class_names)))


def build_part_segmenter(
    recipe: TrainRecipe,
    space: PartSpace,
    weights: Mapping[str, Tensor] | None = None,
    features: FeatureScaling | None = None,
) -> PartSegmenter:
    """The backbone with its pre-trained weights, if any, a part head, and the tuning method; as `build_classifier`.

    Raises:
        ConfigError, CheckpointError: as in `build_classifier`.
    """
    options: dict[str, Any] = {"num_parts": space.num_parts, "num_categories": space.num_categories}
    if recipe.model.head_dims is not None:
        options["head_dims"] = recipe.model.head_dims
    return cast(PartSegmenter, _tuned_model(recipe, weights, features, **options))


def _tuned_model(
    recipe: TrainRecipe, weights: Mapping[str, Tensor] | None, features: FeatureScaling | None, **options: Any
) -> nn.Module:
    config, seed = recipe.model, recipe.training.seed
    if features is not None:
        options["num_features"] = len(features.names)
        channels = config.options.get("channels", get_family(config.name).sizes.channels)
        if channels == 6 and features.triples.colors:
            options["color_features"] = features.triples.colors[0]
    model = initial_model(seed, config.name, recipe.task, **options, **config.readout, **config.sizes)
    if config.checkpoint is not None:
        # A file may come from fine-tuning on other classes (PointGPT's second stage): a run makes its own head.
        source = locate_weights(config.checkpoint, config.name) if weights is None else weights
        load_checkpoint(model, source, head=False)
    with isolated_randomness("method", seed):
        apply_method(model, method_config(recipe.method))
    if config.adapter is not None:
        start_from_adapter(model, config.adapter)
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
    if objective.momentum is not None:
        options["teacher_momentum"] = objective.momentum
    model = initial_model(recipe.training.seed, config.name, "pretraining", **config.sizes, **options)
    if config.checkpoint is not None:
        load_checkpoint(model, locate_weights(config.checkpoint, config.name))
    return cast(MaskedAutoencoder, model)
