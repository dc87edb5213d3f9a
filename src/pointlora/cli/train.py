"""`pointlora train`: fine-tune a pre-trained backbone by a recipe, or by what is assumed without one."""

from __future__ import annotations

from collections.abc import Sequence

from pointlora.cli.end_report import NO_REPORT, report_of_folder
from pointlora.cli.parsing import parse_recipe, split_equals
from pointlora.cli.train_defaults import for_few_labels, with_defaults
from pointlora.recipes.runs import TrainRecipe

FLAGS = {
    "resume": "fail unless --output holds an unfinished run (if it does, the run is resumed with or without this)",
    **NO_REPORT,
}
RECIPE = "YAML file, or the name of a recipe that comes with the package; options override it"


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    words = split_equals(arguments)
    recipe, flags = parse_recipe(TrainRecipe, with_defaults(words), "train", FLAGS, RECIPE)
    recipe = for_few_labels(recipe, words)
    from pointlora.training.fit import fine_tune
    from pointlora.training.run_outputs import results_table

    results = fine_tune(recipe, flags["resume"])
    if not results:  # not the first of torchrun's processes
        return 0
    print(results_table(results))
    print(f"adapter and figures in {recipe.output}")
    report_of_folder(recipe.output, flags, recipe.training.accelerator)
    return 0
