"""A few-shot evaluation: a fine-tuning run for each fold, and mean ± standard deviation over them.

fewshot folder:
config.yaml    the recipe with every setting written out
fold_00/ …     the run of each fold, as `pointlora train` leaves it, without last.ckpt once it is finished
fewshot.json   written last: all figures
fewshot.md     the same as a table
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError, PointLoraError
from pointlora.models.pretrained import locate_weights
from pointlora.models.weight_files import Weights, read_weights
from pointlora.recipes.fewshot import FewShotRecipe, fold_recipe
from pointlora.recipes.files import to_mapping, write_yaml
from pointlora.reports.fewshot import markdown_report, percentages
from pointlora.training.devices.world import current_world
from pointlora.training.fit import fine_tune
from pointlora.training.run_folder import FREE_TO_CHANGE, RunFolder
from pointlora.training.settling import settled


class FewShotFolder(RunFolder):
    """The folder of all folds' runs. More or fewer folds may be asked for later."""

    free_to_change = (*FREE_TO_CHANGE, "folds")
    may_be_longer = False  # all folds have as many epochs

    def __init__(self, recipe: FewShotRecipe) -> None:
        super().__init__(recipe)
        self.figures, self.table = self.path / "fewshot.json", self.path / "fewshot.md"

    def create(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_text_atomically(self.config, write_yaml(to_mapping(self.recipe)))

    def _check_same_recipe(self, what: str = "a few-shot evaluation", fix: str = "go on with it") -> None:
        super()._check_same_recipe(what, fix)

    def discard_if_unused(self) -> None:
        """Take away the folder if no fold has begun: nothing is left behind by a run that can't work."""
        if [path.name for path in self.path.iterdir()] == [self.config.name]:
            self.config.unlink()
            self.path.rmdir()


def run_folds(recipe: FewShotRecipe) -> dict[str, Any]:
    """Run all folds that aren't finished, and write the figures of all.

    The checkpoint is read once; each fold begins from its weights, and new weights are a function of `training.seed`,
    so that a fold's result doesn't depend on which folds ran before it. Killed at any point and called again, it ends
    with the same files.

    Returns:
        what fewshot.json holds; accuracies are in [0, 1].

    Raises:
        ConfigError: under torchrun; for bad settings, or a folder that holds something else.
        DataError, CheckpointError: for data and weights that can't be used.
        OSError: if the folder can't be written.
    """
    if current_world().size > 1:
        raise ConfigError("few-shot folds don't run under torchrun: use --training.devices")
    recipe = settled(recipe)
    folder = FewShotFolder(recipe)
    folder.check()
    weights: Weights | None = None
    finished: list[dict[str, Any]] = []
    for number in range(recipe.folds):
        fold = fold_recipe(recipe, number)
        run = RunFolder(fold)
        results, where = run.finished(), f"fold {number + 1}/{recipe.folds}"
        before = results is not None
        if results is None:
            if weights is None and recipe.model.checkpoint is not None:
                weights, _ = read_weights(locate_weights(recipe.model.checkpoint, recipe.model.name))
            _say(f"{where}: {recipe.ways} ways, {recipe.shots} shots")
            folder.create()
            try:
                results = fine_tune(fold, weights=weights)
            except PointLoraError:
                folder.discard_if_unused()
                raise
        run.last.unlink(missing_ok=True)  # there is nothing to resume, and ten of them may take gigabytes
        finished.append(_figures(number, results))
        so_far = percentages([row["accuracy"] for row in finished])
        _say(f"{where}: accuracy {100 * results['accuracy']:.2f} %{', finished before' * before}; so far {so_far}")
    figures = summarize_folds(recipe, finished)
    folder.create()
    write_text_atomically(folder.table, markdown_report(figures))
    write_text_atomically(folder.figures, json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    return figures


def summarize_folds(recipe: FewShotRecipe, folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The content of fewshot.json. The standard deviation is that of a sample (n - 1); None for a single fold."""
    accuracies = [fold["accuracy"] for fold in folds]
    return {
        "ways": recipe.ways,
        "shots": recipe.shots,
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_std": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "selected_on": folds[0]["selected_on"],
        "folds": list(folds),
        "recipe": to_mapping(recipe),
    }


def _figures(number: int, results: dict[str, Any]) -> dict[str, Any]:
    wanted = ("accuracy", "count", "class_names", "per_class", "best_epoch", "selected_on", "trained_parameters")
    return {"fold": number, **{key: results[key] for key in wanted}}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
