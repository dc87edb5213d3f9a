"""`pointlora compare`: several tuning methods with several seeds on one data set."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pointlora.cli.end_report import NO_REPORT, report_of_folder
from pointlora.cli.parsing import parse_recipe
from pointlora.errors import ConfigError
from pointlora.recipes.comparison import CompareRecipe

RECIPE = "YAML file, or the name of a comparison that comes with the package; options override it"


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    recipe, flags = parse_recipe(CompareRecipe, arguments, "compare", NO_REPORT, RECIPE)
    from pointlora.comparison.run import run_comparison

    found = run_comparison(recipe)
    from pointlora.reports.comparison import comparison_table, write_comparison
    from pointlora.reports.method_summary import summarize_methods

    runs = found.measured_runs()
    print(comparison_table(summarize_methods(runs, recipe.base), recipe.base))
    try:
        write_comparison(recipe.output, runs, found.search_runs(), recipe.base, found.title)
    except ConfigError as error:  # matplotlib isn't there; the tables are written
        print(f"no picture: {error}", file=sys.stderr)
    print(f"\ntables, picture and runs are in {recipe.output}")
    report_of_folder(recipe.output, flags)
    return 0
