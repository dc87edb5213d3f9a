"""What a run settles once and then keeps: its precision, and the version of the weights in the package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pointlora.models.pretrained import settled_source
from pointlora.training.precision import settle_precision
from pointlora.training.run_folder import recorded_weights

Recipe = TypeVar("Recipe", bound=Any)


def settled(recipe: Recipe) -> Recipe:
    """The recipe with 32 or bf16 in place of `auto`, and `point_mae_tiny@2`, say, in place of `pretrained`.

    Raises:
        ConfigError: see `settle_precision`.
    """
    return with_settled_weights(settle_precision(recipe))


def with_settled_weights(recipe: Recipe) -> Recipe:
    """The recipe with a version of the weights in place of `pretrained`: that of the run in the recipe's folder, or the
    newest.

    Raises:
        ConfigError: if the folder's config.yaml is damaged.
    """
    model = recipe.model
    began_with = recorded_weights(Path(recipe.output) / "config.yaml")
    return replace(recipe, model=replace(model, checkpoint=settled_source(model.checkpoint, model.name, began_with)))
