"""docs/comparing.md: its example is a comparison that can be run, and its commands and columns exist."""

import re
import shlex
from pathlib import Path

import torch
import yaml

from pointlora import apply_method, count_parameters, create_model
from pointlora.comparison.plan import check_plan, search_cells, seed_cells
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.files import dotted_keys, find_recipe, from_mapping, list_recipes, read_mapping
from pointlora.recipes.label_counts import check_label_counts
from pointlora.reports.comparison import HEADER

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "comparing.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_example_is_what_the_page_says(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (tmp_path / "own.yaml").write_text(text)
    recipe = from_mapping(CompareRecipe, read_mapping(find_recipe(str(tmp_path / "own.yaml"))))
    check_plan(recipe)
    cells = {cell.label: cell.recipe for cell in seed_cells(recipe, {})}
    assert (cells["full"].optimizer.lr, cells["scratch"].model.checkpoint) == (1e-4, None)
    assert (cells["scratch"].training.epochs, cells["pointlora"].training.epochs) == (600, 300)
    assert {cell.label for cell in search_cells(recipe)} == {"scratch", "lora rank 4", "pointlora", "random tokens"}
    assert search_cells(recipe)[0].recipe.training.measure_test is False


def test_commands_and_columns_exist() -> None:
    lines = [shlex.split(line) for line in "".join(blocks("bash")).splitlines()]
    assert len(lines) == 3
    assert check_label_counts(yaml.safe_load(lines[2][lines[2].index("--labels_per_class") + 1])) == [
        1,
        2,
        5,
        10,
        20,
        "all",
    ]
    for program, command, recipe, *words in lines:
        assert (program, command) == ("pointlora", "compare")
        assert recipe in list_recipes() or recipe == "my_comparison.yaml"
        assert {word[2:] for word in words if word.startswith("--")} <= set(dotted_keys(CompareRecipe))
    cells = re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE)
    documented = {name for cell in cells for name in cell.split(", ")}
    for name in HEADER[1:]:
        assert name.split(",")[0] in documented, name
    for target in re.findall(r"\]\(([^)#\s]+)", PAGE):
        assert (ROOT / "docs" / target).exists()


def test_the_numbers_of_trained_parameters_are_right() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    assert {"full", "pointlora", "dora", "pissa", "idpt", "dapt", "vpt_deep", "stag", "stag-sl", "pointgst"} <= {
        name for name, _ in rows
    }
    for name, count in rows:
        with torch.device("meta"):
            model = apply_method(create_model("point_mae", num_classes=15), name)
        assert f"{count_parameters(model).trainable:,}" == count, name
