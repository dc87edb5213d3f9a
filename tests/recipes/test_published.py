"""The recipes of the families: they parse, name registered models, and fit them."""

import pytest
import torch

from pointlora import apply_method, count_parameters, create_model, list_models
from pointlora.recipes.files import find_recipe, from_mapping, list_recipes, read_mapping
from pointlora.recipes.method import method_config
from pointlora.recipes.runs import TrainRecipe

DATA = ("scanobjectnn_objbg", "scanobjectnn_objonly", "scanobjectnn_pb", "modelnet40")
FAMILIES = [name for name in list_models() if not name.startswith("point_mae")]


def load(name):
    return from_mapping(TrainRecipe, read_mapping(find_recipe(name)))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("data", DATA)
def test_every_family_has_a_recipe_for_every_data_set(family, data):
    assert f"{family}_{data}" in list_recipes()
    recipe = load(f"{family}_{data}")
    assert recipe.model.name == family
    assert recipe.output == f"runs/{family}_{data}"
    assert recipe.data.name == data.split("_")[0]
    variants = {"objbg": "obj_bg", "objonly": "obj_only", "pb": "pb_t50_rs"}
    assert recipe.data.options == ({"variant": variants[data.split("_")[1]]} if "_" in data else {})
    with torch.device("meta"):
        model = create_model(recipe.model.name, **recipe.model.sizes)
    assert model.sizes.num_groups * 16 == recipe.data.num_points
    assert model.sizes.group_size == 32
    method_config(recipe.method)


def test_published_settings():
    def summary(name):
        recipe = load(name)
        return (
            recipe.method["name"],
            recipe.optimizer.lr,
            recipe.training.epochs,
            recipe.optimizer.warmup_epochs,
            recipe.training.batch_size,
            recipe.data.num_points,
            recipe.data.augmentations[0],
        )

    assert summary("point_bert_scanobjectnn_pb") == ("full", 5e-4, 300, 10, 32, 1024, "scale_translate")
    assert summary("act_scanobjectnn_pb") == ("full", 5e-4, 300, 10, 32, 2048, "rotate_up")
    assert summary("recon_scanobjectnn_pb") == ("full", 2e-5, 300, 10, 32, 2048, "rotate_up")
    assert summary("recon_modelnet40") == ("full", 1e-5, 300, 10, 32, 1024, "scale_translate")
    assert summary("recon_plain_scanobjectnn_pb") == ("pointlora", 5e-4, 300, 10, 32, 2048, "scale_translate")
    assert summary("point_gpt_s_scanobjectnn_pb") == ("full", 1e-4, 300, 30, 64, 2048, "scale_translate")
    assert summary("point_gpt_b_scanobjectnn_pb") == ("full", 1e-4, 30, 10, 64, 2048, "scale_translate")
    for family in ("pcp_mae", "point_pqae"):
        assert summary(f"{family}_scanobjectnn_pb") == ("full", 2e-5, 300, 10, 32, 2048, "rotate_up")
        assert summary(f"{family}_modelnet40") == ("full", 1e-5, 300, 10, 32, 1024, "scale_translate")
    assert summary("maskpoint_scanobjectnn_pb") == ("full", 5e-4, 300, 10, 32, 1024, "scale_translate")
    assert load("maskpoint_modelnet40").model.options == {"head_layers": "1x"}
    assert summary("point_femae_scanobjectnn_pb") == ("full", 5e-4, 400, 10, 32, 2048, "rotate_up")
    assert summary("point_femae_modelnet40") == ("head_only", 5e-4, 150, 10, 32, 1024, "scale_translate")
    assert summary("point_jepa_scanobjectnn_pb") == ("full", 1e-3, 150, 10, 32, 2048, "scale")
    assert summary("point2vec_scanobjectnn_pb") == ("full", 3e-4, 150, 10, 32, 2048, "scale")
    assert load("point_jepa_modelnet40").training.label_smoothing == 0.2
    assert summary("uni3d_base_scanobjectnn_pb") == ("pointlora", 5e-4, 300, 10, 32, 2048, "scale_translate")
    assert summary("point_gpt_l_modelnet40") == ("full", 1e-4, 50, 10, 128, 1024, "scale_translate")


def test_point_femae_trains_its_new_parts_on_modelnet40():
    """All names of the release that hold `cls`: local modules, their norms, the head."""
    recipe = load("point_femae_modelnet40")
    with torch.device("meta"):
        model = create_model("point_femae", num_classes=40)
        apply_method(model, method_config(recipe.method))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    expected = {name for name, _ in model.named_parameters() if name.startswith("head.") or ".local" in name}
    assert trained == expected
    assert (
        sum(p.numel() for p in model.parameters() if p.requires_grad) - count_parameters(model.head).total == 5_336_064
    )


def test_published_settings_of_part_segmentation():
    recipe = load("shapenetpart")
    assert (recipe.task, recipe.data.name, recipe.data.num_points) == ("part_segmentation", "shapenetpart", 2048)
    assert (recipe.optimizer.lr, recipe.training.epochs, recipe.training.batch_size) == (2e-4, 300, 16)
    assert recipe.data.augmentations == ["uniform_scale", "translate"]
    assert recipe.data.ranges == {"scale_low": 0.8, "scale_high": 1.25, "shift": 0.1}
    with torch.device("meta"):
        model = create_model(recipe.model.name, recipe.task, **recipe.model.sizes)
    assert (model.num_parts, model.num_categories, model.sizes.num_groups) == (50, 16, 128)


def test_recipes_name_features():
    assert load("colored_scans").data.features == "auto"
    for name in (name for name in list_recipes() if name.endswith("modelnet40")):
        assert read_mapping(find_recipe(name))["data"]["features"] == []
