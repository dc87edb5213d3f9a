"""`pointlora fewshot`: fine-tune on few-shot folds and report mean ± standard deviation."""

from __future__ import annotations

from collections.abc import Sequence

from pointlora.cli.end_report import NO_REPORT, report_of_folder
from pointlora.cli.parsing import parse_recipe
from pointlora.cli.train import RECIPE
from pointlora.recipes.fewshot import FewShotRecipe


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    recipe, flags = parse_recipe(FewShotRecipe, arguments, "fewshot", NO_REPORT, RECIPE)
    from pointlora.comparison.fewshot import run_folds
    from pointlora.reports.fewshot import text_report

    print(text_report(run_folds(recipe)))
    print(f"figures are in {recipe.output}/fewshot.json, the table is in {recipe.output}/fewshot.md")
    report_of_folder(recipe.output, flags)
    return 0
