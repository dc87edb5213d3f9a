"""`pointlora pretrain`: pre-train a backbone as a masked autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

from pointlora.cli.parsing import parse_recipe
from pointlora.cli.train import FLAGS, RECIPE
from pointlora.recipes.pretraining import PretrainRecipe


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    recipe, flags = parse_recipe(PretrainRecipe, arguments, "pretrain", FLAGS, RECIPE)
    from pointlora.training.pretraining.run import pretrain

    results = pretrain(recipe, flags["resume"])
    if not results:  # not the first of torchrun's processes
        return 0
    print(f"loss of the last epoch {results['train_loss']:.5f}; weights in {recipe.output}/model.safetensors")
    return 0
