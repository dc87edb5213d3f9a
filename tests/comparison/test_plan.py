"""Which runs a comparison consists of, and what a comparison's recipe must not say."""

import subprocess
import sys

import pytest

from pointlora.comparison.plan import candidates, check_plan, search_cells, seed_cells
from pointlora.comparison.run import check_folder, choose, first_cells, write_recipe
from pointlora.errors import ConfigError
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.files import find_recipe, from_mapping, read_mapping
from training_runs import tiny_comparison


def comparison(output="runs/x", **changes):
    return from_mapping(CompareRecipe, tiny_comparison(output, **changes))


METHODS = {
    "full": {"optimizer": {"lr": 0.003}, "training": {"epochs": 5}, "model": {"drop_path_rate": 0.0}},
    "a b": {"name": "lora", "rank": 2},
    "scratch": None,
}


def test_a_run_is_the_base_with_what_is_the_methods_own():
    recipe = comparison(methods=METHODS, seeds=[3, 5], model={"name": "point_mae", "checkpoint": "a.pth"})
    cells = seed_cells(recipe, {"a b": {"optimizer.lr": 0.5}})
    assert [cell.name for cell in cells[:3]] == ["full, seed 3", "full, seed 5", "a b, seed 3"]
    full, other, lora, scratch = cells[0].recipe, cells[1].recipe, cells[2].recipe, cells[4].recipe
    assert full.output == "runs/x/full/seed_3"
    assert str(cells[2].log) == "runs/x/a b/seed_3.log"
    assert (full.training.seed, other.training.seed) == (3, 5)
    assert (full.optimizer.lr, full.training.epochs, full.model.drop_path_rate) == (0.003, 5, 0.0)
    assert (lora.optimizer.lr, lora.training.epochs, lora.model.drop_path_rate) == (0.5, 2, None)
    assert lora.optimizer.warmup_epochs == full.optimizer.warmup_epochs == 1
    assert (lora.method["name"], lora.method["rank"]) == ("lora", 2)
    assert (lora.model.checkpoint, scratch.model.checkpoint) == ("a.pth", None)
    assert full.data == lora.data == scratch.data
    assert all(cell.recipe.training.measure_test for cell in cells)


def test_every_method_runs_with_every_number_of_labels():
    recipe = comparison(methods={"full": {}, "lora": {}}, seeds=[3, 5], labels_per_class=["all", 5, 2])
    cells = seed_cells(recipe, {"lora, labels 5": {"optimizer.lr": 0.5}})
    assert [cell.name for cell in cells[:5]] == [
        "full, labels 2, seed 3",
        "full, labels 2, seed 5",
        "full, labels 5, seed 3",
        "full, labels 5, seed 5",
        "full, labels all, seed 3",
    ]
    assert [(cell.label, cell.labels) for cell in cells[6::2]] == [("lora", 2), ("lora", 5), ("lora", "all")]
    assert [cell.recipe.data.labels_per_class for cell in cells[::2]] == [2, 5, None] * 2
    assert [cell.recipe.output for cell in cells[::2]][:3] == [
        "runs/x/full/labels_2/seed_3",
        "runs/x/full/labels_5/seed_3",
        "runs/x/full/seed_3",
    ]
    assert [cell.recipe.optimizer.lr for cell in cells[6::2]] == [0.002, 0.5, 0.002]
    # With all labels a run is that of a comparison without numbers of labels, which may be there already.
    alone = seed_cells(comparison(methods={"full": {}, "lora": {}}, seeds=[3, 5]), {})
    assert [cell.recipe for cell in alone] == [cell.recipe for cell in cells if cell.labels == "all"]


def test_settings_are_chosen_for_each_number_of_labels():
    recipe = comparison(methods={"lora": {}}, search={"optimizer.lr": [1e-4, 1e-3]}, labels_per_class=[2, "all"])
    cells = search_cells(recipe)
    assert [cell.name for cell in cells[::2]] == [
        "lora, labels 2, search optimizer.lr=0.0001, seed 7",
        "lora, labels all, search optimizer.lr=0.0001, seed 7",
    ]
    assert [cell.recipe.data.labels_per_class for cell in cells] == [2, 2, None, None]
    assert len({cell.recipe.output for cell in cells}) == 4
    found = [{"selection_accuracy": value} for value in (0.9, 0.1, 0.6, 0.7)]
    chosen = choose(cells, found)
    assert chosen == {"lora, labels 2": {"optimizer.lr": 1e-4}, "lora, labels all": {"optimizer.lr": 1e-3}}
    assert [cell.recipe.optimizer.lr for cell in seed_cells(recipe, chosen)] == [1e-4, 1e-4, 1e-3, 1e-3]


def test_what_is_tried_before_the_first_run():
    recipe = comparison(methods={"full": {}, "lora": {}}, labels_per_class=[5, 1, "all"])
    tried = [(cell.label, cell.labels, cell.recipe.training.seed) for cell in first_cells(seed_cells(recipe, {}))]
    assert tried == [("full", 1, 0), ("full", 5, 0), ("full", "all", 0), ("lora", 1, 0)]


def test_a_search_varies_what_a_method_does_not_set_itself():
    search = {"optimizer.lr": [1e-3, 1e-2], "optimizer.weight_decay": [0.0, 0.1]}
    methods = {
        "full": {"optimizer": {"lr": 0.003}},
        "lora": {},
        "head_only": {"search": {}},
        "pointlora": {"search": {"method.rank": [2, 4, 8]}},
        "bitfit": {"search": {"optimizer.lr": [0.5]}},
    }
    recipe = comparison(methods=methods, search=search, search_seeds=[9], search_epochs=4)
    assert [len(candidates(recipe, label)) for label in methods] == [2, 4, 1, 3, 1]
    cells = search_cells(recipe)
    assert [cell.label for cell in cells] == ["full"] * 2 + ["lora"] * 4 + ["pointlora"] * 3
    assert [(cell.recipe.optimizer.lr, cell.recipe.optimizer.weight_decay) for cell in cells[2:6]] == [
        (1e-3, 0.0),
        (1e-3, 0.1),
        (1e-2, 0.0),
        (1e-2, 0.1),
    ]
    assert [cell.recipe.method["rank"] for cell in cells[6:]] == [2, 4, 8]
    for cell in cells:
        training = cell.recipe.training
        assert (training.measure_test, training.seed, training.epochs, training.protocol) == (False, 9, 4, "validation")
    assert cells[4].title == "search optimizer.lr=0.01, optimizer.weight_decay=0.0, seed 9"
    assert len({cell.recipe.output for cell in cells}) == len(cells)
    assert seed_cells(recipe, {}, ["bitfit"])[0].recipe.optimizer.lr == 0.5


def test_the_best_on_the_validation_split_is_chosen_and_the_first_of_equals():
    cells = search_cells(comparison(methods={"lora": {}, "full": {}}, search={"optimizer.lr": [1e-4, 1e-3, 1e-2]}))
    # The accuracy on another set, were it there, decides nothing.
    found = [{"selection_accuracy": value, "accuracy": 1 - value} for value in (0.5, 0.7, 0.7, 0.2, 0.1, 0.0)]
    assert choose(cells, found) == {"lora": {"optimizer.lr": 1e-3}, "full": {"optimizer.lr": 1e-4}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": {}}, ["methods is missing"]),
        ({"methods": {"a/b": {"name": "full"}}}, ["label 'a/b'", "folder"]),
        ({"methods": {"..": {"name": "full"}}}, ["label '..'"]),
        ({"methods": {"a ": {"name": "full"}}}, ["label 'a '"]),
        ({"methods": {"comparison.json": {"name": "full"}}}, ["label 'comparison.json'"]),
        ({"methods": {3: {"name": "full"}}}, ["label 3"]),
        ({"methods": {"full": {}, "FULL": {"name": "full"}}}, ["'full' and 'FULL'", "case"]),
        ({"methods": {"fulll": {}}}, ["methods.fulll", "did you mean 'full'"]),
        ({"methods": {"full": 3}}, ["methods.full is 3", "mapping"]),
        ({"methods": {"lora": {"rnk": 2}}}, ["methods.lora", "'rnk'", "did you mean 'rank'"]),
        ({"methods": {"lora": {"optimizer": {"lrr": 2}}}}, ["methods.lora", "did you mean 'optimizer.lr'"]),
        ({"methods": {"lora": {"optimizer": 3}}}, ["methods.lora.optimizer is 3"]),
        ({"methods": {"lora": {"optimizer": {"lr": -1}}}}, ["methods.lora", "optimizer.lr is -1"]),
        ({"methods": {"lora": {"training": {"seed": 1}}}}, ["methods.lora.training.seed", "differ"]),
        ({"methods": {"lora": {"training": {"protocol": "paper"}}}}, ["methods.lora.training.protocol"]),
        ({"methods": {"lora": {"data": {"num_points": 5}}}}, ["methods.lora.data"]),
        ({"seeds": []}, ["seeds is empty"]),
        ({"seeds": [0, 0]}, ["seeds is [0, 0]", "once"]),
        ({"seeds": [-1]}, ["each of seeds is -1"]),
        ({"reference": "ful"}, ["reference 'ful'", "did you mean 'full'"]),
        ({"search": {"lr": [1]}}, ["search holds 'lr'", "optimizer.lr"]),
        ({"search": {"training.seed": [1]}}, ["search holds 'training.seed'"]),
        ({"search": {"data.num_points": [64]}}, ["search holds 'data.num_points'"]),
        ({"search": {"optimizer.lr": 0.1}}, ["search.optimizer.lr is 0.1", "list"]),
        ({"search": {"optimizer.lr": [0.1, -1]}, "methods": {"lora": {}}}, ["methods.lora", "optimizer.lr is -1"]),
        ({"search": {"method.rank": [1, 2]}}, ["methods.full", "'rank'"]),
        ({"search_epochs": 1}, ["search_epochs is 1", "warmup_epochs is 1"]),
        ({"training": {"protocol": "paper"}}, ["training.protocol is 'paper'", "test set"]),
        ({"training": {"protocol": "last"}}, ["training.protocol is 'last'", "chooses none"]),
        ({"training": {"measure_test": False}}, ["training.measure_test"]),
        ({"training": {"seed": 4}}, ["training.seed is 4", "seeds"]),
        ({"jobs": 0}, ["jobs is 0"]),
        ({"task": "part_segmentatio"}, ["task 'part_segmentatio'", "did you mean 'part_segmentation'"]),
        ({"task": "part_segmentation", "training": {"criterion": "class_mean_accuracy"}}, ["training.criterion"]),
        ({"labels_per_class": [1, 0]}, ["each of labels_per_class is 0"]),
        ({"labels_per_class": [2, 2]}, ["labels_per_class is [2, 2]", "once"]),
        ({"labels_per_class": [2], "data": {"label_fraction": 0.5}}, ["labels_per_class is [2]", "label_fraction 0.5"]),
        ({"labels_per_class": [2], "data": {"labels_per_class": 3}}, ["and data.labels_per_class 3", "one of them"]),
        ({"labels_per_class": ["all"], "data": {"name": "fewshot"}}, ["few-shot folds (fewshot)", "shots"]),
        ({"method": {"name": "full"}}, ["'method'", "did you mean 'methods'"]),
    ],
)
def test_a_bad_comparison_is_named_in_one_line(changes, words):
    with pytest.raises(ConfigError) as caught:
        check_plan(comparison(**changes))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_the_best_on_average_over_the_seeds_of_the_search_is_chosen():
    recipe = comparison(methods={"lora": {}}, search={"optimizer.lr": [1e-4, 1e-3]}, search_seeds=[5, 6])
    cells = search_cells(recipe)
    assert [cell.recipe.training.seed for cell in cells] == [5, 6, 5, 6]
    assert [cell.recipe.optimizer.lr for cell in cells] == [1e-4, 1e-4, 1e-3, 1e-3]
    assert len({cell.recipe.output for cell in cells}) == 4
    found = [{"selection_accuracy": value} for value in (0.9, 0.1, 0.6, 0.5)]
    assert choose(cells, found) == {"lora": {"optimizer.lr": 1e-3}}


def test_a_folder_takes_more_methods_and_seeds_but_no_other_settings(tmp_path):
    folder = tmp_path / "x"
    check_folder(comparison(folder))
    assert not folder.exists()
    write_recipe(comparison(folder))
    first = tiny_comparison(folder)
    check_folder(comparison(folder, seeds=[0, 1, 2], jobs=2, methods={**first["methods"], "bitfit": {}}))
    check_folder(comparison(folder, labels_per_class=[2, "all"]))
    check_folder(
        comparison(folder, methods={"full": first["methods"]["full"]}, training=first["training"] | {"workers": 2})
    )
    for changes, words in (
        ({"optimizer": {"lr": 0.002, "weight_decay": 0.1}}, "optimizer.weight_decay = 0.05 for full, not 0.1"),
        ({"methods": {"lora 2": {"name": "lora", "rank": 4}}}, "method.rank = 2 for lora 2, not 4"),
        ({"search_seeds": [8]}, r"search_seeds = \[7\] for lora 2, not \[8\]"),
        ({"methods": {**first["methods"], "lora 2": {"name": "lora", "rank": 2}}}, "search = .* for lora 2, not None"),
    ):
        with pytest.raises(ConfigError, match=words):
            check_folder(comparison(folder, **changes))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds no comparison"):
        check_folder(comparison(tmp_path))


@pytest.mark.parametrize(("name", "seeds"), [("compare_tiny", 5), ("ablation_tiny", 3), ("scan_tiny", 5)])
def test_bundled_comparisons_can_be_run(name, seeds):
    recipe = from_mapping(CompareRecipe, read_mapping(find_recipe(name)))
    check_plan(recipe)
    assert recipe.base in recipe.methods
    assert recipe.data.root is None
    assert len(seed_cells(recipe, {})) == seeds * len(recipe.methods)
    if name != "ablation_tiny":
        assert {"full", "head_only", "bitfit", "lora", "token_selection", "pointlora", "scratch"} == set(recipe.methods)
        assert len(search_cells(recipe)) == (3 * 7 if name == "compare_tiny" else 0)
    else:
        recipes = {cell.label: cell.recipe.method for cell in seed_cells(recipe, {})}
        assert len({repr(method) for method in recipes.values()}) == len(recipes)  # no ablation is there twice


@pytest.mark.parametrize(("name", "seeds", "searched"), [("few_labels_tiny", 5, 5), ("parts_tiny", 3, 0)])
def test_bundled_comparisons_have_the_probe_beside_every_method(name, seeds, searched):
    recipe = from_mapping(CompareRecipe, read_mapping(find_recipe(name)))
    check_plan(recipe)
    assert next(iter(recipe.methods)) == "probe"
    assert {"pointlora-plus", "lora", "pointlora", "head_only", "full"} < set(recipe.methods)
    assert recipe.base == "pointlora-plus"
    assert len(seed_cells(recipe, {})) == seeds * 6
    assert len(search_cells(recipe)) == 3 * searched  # all but the probe


def test_planning_needs_no_torch():
    code = "import sys, pointlora.comparison.run; print({'torch', 'numpy', 'lightning'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
