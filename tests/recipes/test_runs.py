import subprocess
import sys

import numpy as np
import pytest
import yaml

from pointlora.errors import ConfigError
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.fewshot import FewShotRecipe, is_fewshot
from pointlora.recipes.files import find_recipe, from_mapping, list_recipes, read_mapping, to_mapping, write_yaml
from pointlora.recipes.method import method_config
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.recipes.runs import TrainRecipe


def test_defaults_are_the_releases():
    recipe = TrainRecipe()
    optimizer = recipe.optimizer
    assert (optimizer.lr, optimizer.weight_decay, optimizer.clip_norm) == (5e-4, 0.05, 10.0)
    assert (optimizer.warmup_epochs, optimizer.warmup_lr, optimizer.min_lr) == (10, 1e-6, 1e-6)
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.training.protocol) == (300, 32, "validation")
    assert recipe.method["rank"] == 8
    assert recipe.method["mask_loss_weight"] == 0.004
    pretraining = PretrainRecipe()
    assert (pretraining.optimizer.lr, pretraining.training.batch_size, pretraining.data.num_points) == (1e-3, 128, 1024)
    assert (pretraining.model.num_groups, pretraining.mask_ratio) == (64, 0.6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": {"epochs": 0}}, ["training.epochs", "0", "at least 1"]),
        ({"training": {"batch_size": 1}}, ["training.batch_size", "1", "at least 2"]),
        ({"training": {"precision": 16}}, ["training.precision", "'16'", "bf16"]),
        ({"training": {"protocol": "papr"}}, ["training.protocol", "'papr'", "did you mean 'paper'"]),
        (
            {"training": {"protocol": "last", "measure_test": False}},
            ["measure_test", "protocol last", "use validation"],
        ),
        ({"training": {"seed": 2**32}}, ["training.seed", str(2**32)]),
        ({"training": {"label_smoothing": float("nan")}}, ["training.label_smoothing", "nan"]),
        ({"optimizer": {"lr": 0}}, ["optimizer.lr", "above 0"]),
        ({"optimizer": {"lr": 1e-4, "min_lr": 1}}, ["optimizer.min_lr", "at most 0.0001"]),
        ({"data": {"num_points": True}}, ["data.num_points", "True"]),
        ({"data": {"label_fraction": 0}}, ["data.label_fraction", "above 0"]),
        ({"data": {"label_column": 4}}, ["data.label_column", "part_segmentation"]),
        ({"data": {"label_name": "part"}}, ["data.label_name", "part_segmentation"]),
        ({"data": {"label_column": 0}}, ["data.label_column is 0", "between 1 and"]),
        ({"data": {"label_name": "a", "label_column": 4}}, ["'a'", "4", "give one of them"]),
        ({"data": {"options": {"label_column": 4}}}, ["data.options", "'label_column'", "belongs elsewhere"]),
        ({"data": {"ranges": {"scale_lo": 1}}}, ["scale_lo", "did you mean 'scale_low'"]),
        ({"model": {"depth": 2.5}}, ["model.depth", "2.5", "integer"]),
        ({"model": {"options": {"depth": 2}}}, ["model.options", "'depth'", "setting of model"]),
        ({"model": {"drop_path_rate": -1}}, ["model.drop_path_rate", "-1"]),
        ({"method": {"name": "pointlra"}}, ["method.name", "did you mean 'pointlora'"]),
        ({"method": {"name": "pointlora", "rnk": 4}}, ["'rnk'", "did you mean 'rank'"]),
        ({"method": {"name": "pointlora", "rank": 2.0}}, ["method.rank", "2.0", "integer"]),
        ({"method": {"name": "pointlora", "prompts": "none", "mask_loss": "x"}}, ["method.mask_loss", "polarize"]),
        ({"method": {"name": "pointlora", "straight_through": 1}}, ["method.straight_through", "true or false"]),
        ({"method": {"rank": 4}}, ["method", "name"]),
        ({"method": {"name": "scratch"}, "model": {"checkpoint": "a.pth"}}, ["scratch", "'a.pth'", "null", "full"]),
        (
            {"training": {"gradient_checkpointing": "frosen"}},
            ["training.gradient_checkpointing", "'frosen'", "did you mean 'frozen'", "false, true, frozen"],
        ),
        ({"training": {"gradient_checkpointing": 1}}, ["training.gradient_checkpointing", "1", "false, true, frozen"]),
        ({"training": {"gradient_checkpointing": [True]}}, ["training.gradient_checkpointing", "[True]"]),
        ({"training": {"epoch": 3}}, ["'training.epoch'", "did you mean 'training.epochs'"]),
        ({"epochs": 3}, ["'epochs'", "did you mean 'training.epochs'"]),
        ({"training": 3}, ["training is 3", "mapping"]),
    ],
)
def test_a_bad_setting_is_named_with_its_value_in_one_line(changes, words):
    with pytest.raises(ConfigError) as caught:
        from_mapping(TrainRecipe, changes)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_recipe_survives_its_own_mapping():
    recipe = from_mapping(TrainRecipe, {"method": {"name": "lora", "rank": 4}, "training": {"precision": "bf16"}})
    again = from_mapping(TrainRecipe, to_mapping(recipe))
    assert again == recipe
    assert again.method["rank"] == 4
    assert method_config(again.method).scales == ()


def test_numbers_of_numpy_are_written_as_those_of_python():
    mapping = {"training": {"seed": np.int64(3)}, "optimizer": {"lr": np.float32(0.5)}, "data": {"num_points": 64}}
    written = yaml.safe_load(write_yaml(to_mapping(from_mapping(TrainRecipe, mapping))))
    assert written["training"]["seed"] == 3
    assert written["optimizer"]["lr"] == 0.5


def test_bundled_recipes_are_valid():
    names = list_recipes()
    assert {"scanobjectnn_objbg", "scanobjectnn_objonly", "scanobjectnn_pb", "modelnet40"} <= set(names)
    for name in names:
        mapping = read_mapping(find_recipe(name))
        alone = FewShotRecipe if is_fewshot(mapping) else PretrainRecipe if "pretrain" in name else TrainRecipe
        recipe = from_mapping(CompareRecipe if "methods" in mapping else alone, mapping, f"{name}: ")
        assert recipe.output == f"runs/{name}"
    published = from_mapping(TrainRecipe, read_mapping(find_recipe("scanobjectnn_pb")))
    assert round(published.data.num_points * published.data.oversample) == 2400
    assert published.model.drop_path_rate == 0.3
    modelnet = from_mapping(TrainRecipe, read_mapping(find_recipe("modelnet40")))
    assert round(modelnet.data.num_points * modelnet.data.oversample) == 1200


def test_finding_recipes(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("training: {epochs: 2}\n")
    assert find_recipe(str(own)) == own
    with pytest.raises(ConfigError, match="did you mean 'modelnet40'"):
        find_recipe("modelnet4")
    with pytest.raises(ConfigError, match="folder"):
        find_recipe(str(tmp_path))


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "\udc80", "a: 1\nb: 2\na: 3\n", "x: {a: 1, a: 2}"])
def test_files_that_are_no_recipes(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"bad\.yaml") as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)


def test_numbers_may_be_written_without_a_point(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("base: &base {a: 5e-4}\nown: {<<: *base, b: 1E3, c: 1.5e-3, d: e3, e: -2e+2, f: 3}\n")
    own = {"a": 5e-4, "b": 1e3, "c": 1.5e-3, "d": "e3", "e": -200.0, "f": 3}
    assert read_mapping(path) == {"base": {"a": 5e-4}, "own": own}


def test_importing_recipes_needs_neither_torch_nor_numpy():
    code = "import sys, pointlora.recipes.runs; print({'torch', 'numpy', 'yaml', 'lightning'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_settings_that_look_like_options_of_the_data_set():
    with pytest.raises(ConfigError, match="data.options holds 'cache'"):
        from_mapping(TrainRecipe, {"data": {"options": {"cache": "off"}}})
    for wanted in (True, "frozen"):
        with pytest.raises(ConfigError, match="gradient_checkpointing and training.compile exclude each other"):
            from_mapping(TrainRecipe, {"training": {"gradient_checkpointing": wanted, "compile": True}})
