"""What a run settles once and then keeps: its precision, and the version of the weights in the package."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from pointlora.models.pretrained import settled_source
from pointlora.training.precision import settle_precision

Recipe = TypeVar("Recipe", bound=Any)


def settled(recipe: Recipe) -> Recipe:
    """The recipe with 32 or bf16 in place of `auto` and `point_mae_tiny@2`, say, in place of `pretrained`.

    Raises:
        ConfigError: see `settle_precision`.
        CheckpointError: if the package has no weights for the model.
    """
    return with_settled_weights(settle_precision(recipe))


def with_settled_weights(recipe: Recipe) -> Recipe:
    """The recipe with `point_mae_tiny@2`, say, in place of `pretrained`.

    Raises:
        CheckpointError: if the package has no weights for the model.
    """
    model = recipe.model
    return replace(recipe, model=replace(model, checkpoint=settled_source(model.checkpoint, model.name)))
