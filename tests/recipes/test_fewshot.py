"""Recipes of few-shot evaluations, and what they make of each fold."""

import subprocess
import sys

import pytest

from pointlora.errors import ConfigError
from pointlora.recipes.fewshot import FewShotRecipe, fold_recipe, is_fewshot
from pointlora.recipes.files import find_recipe, from_mapping, list_recipes, read_mapping, to_mapping
from pointlora.recipes.runs import TrainRecipe


@pytest.mark.parametrize("ways", [5, 10])
@pytest.mark.parametrize("shots", [10, 20])
def test_the_four_published_settings(ways, shots):
    name = f"fewshot_{ways}way_{shots}shot"
    assert name in list_recipes()
    mapping = read_mapping(find_recipe(name))
    recipe = from_mapping(FewShotRecipe, mapping)
    assert is_fewshot(mapping)
    assert (recipe.ways, recipe.shots, recipe.folds) == (ways, shots, 10)
    training, optimizer, data = recipe.training, recipe.optimizer, recipe.data
    assert (training.epochs, training.batch_size, training.protocol) == (150, 32, "last")
    assert (optimizer.lr, optimizer.weight_decay, optimizer.warmup_epochs) == (5e-4, 0.05, 10)
    assert (data.name, data.num_points, round(data.num_points * data.oversample)) == ("fewshot_files", 1024, 1200)
    assert data.augmentations == ["scale_translate"]
    assert (recipe.model.num_groups, recipe.model.group_size, recipe.model.drop_path_rate) == (64, 32, 0.1)
    assert recipe.output == f"runs/{name}"
    assert fold_recipe(recipe, 7).data.options == {"ways": ways, "shots": shots, "fold": 7}


def test_a_fold_is_a_data_set():
    options = {"variant": "obj_bg"}
    data = {"name": "scanobjectnn", "root": "here", "options": options, "up_axis": "z"}
    recipe = from_mapping(FewShotRecipe, {"data": data, "ways": 4, "fold_seed": 3, "training": {"seed": 5}})
    fold = fold_recipe(recipe, 2)
    assert type(fold) is TrainRecipe
    assert (fold.data.name, fold.data.root, fold.data.up_axis, fold.output) == (
        "fewshot",
        "here",
        "z",
        "runs/fewshot/fold_02",
    )
    assert fold.data.options == {
        "source": "scanobjectnn",
        "source_options": options,
        "ways": 4,
        "shots": 10,
        "fold": 2,
        "queries": 20,
        "query_split": "test",
        "seed": 3,
    }
    assert (fold.training.seed, fold.training.epochs, fold.training.protocol) == (5, 150, "last")
    assert from_mapping(TrainRecipe, to_mapping(fold)) == fold
    assert from_mapping(FewShotRecipe, to_mapping(recipe)) == recipe
    assert not is_fewshot(to_mapping(fold))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ways": 1}, ["ways", "1", "between 2"]),
        ({"shots": 0}, ["shots", "0"]),
        ({"folds": True}, ["folds", "True"]),
        ({"queries": 2.5}, ["queries", "2.5"]),
        ({"query_split": "trian"}, ["query_split 'trian'", "did you mean 'train'"]),
        ({"fold_seed": -1}, ["fold_seed", "-1"]),
        ({"data": {"label_fraction": 0.5}}, ["data.label_fraction is 0.5"]),
        ({"data": {"labels_per_class": 5}}, ["data.labels_per_class is 5", "set shots"]),
        ({"training": {"protocol": "validation", "measure_test": False}}, ["measure_test is false", "queries"]),
        ({"data": {"name": "fewshot"}}, ["data.name is 'fewshot'"]),
        (
            {"data": {"name": "fewshot_files", "options": {"ways": 3}}},
            ["options is {'ways': 3}", "takes ways and"],
        ),
        ({"shot": 5}, ["'shot'", "did you mean 'shots'"]),
        ({"training": {"protocol": "lst"}}, ["training.protocol 'lst'", "did you mean 'last'"]),
    ],
)
def test_bad_settings(changes, words):
    with pytest.raises(ConfigError) as caught:
        from_mapping(FewShotRecipe, changes)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_importing_the_recipe_needs_neither_torch_nor_numpy():
    code = "import sys, pointlora.recipes.fewshot; print({'torch', 'numpy', 'yaml'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
