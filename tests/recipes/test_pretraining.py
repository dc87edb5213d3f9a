import pytest

from pointlora.errors import ConfigError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.pretraining import PretrainRecipe


def test_defaults_are_those_of_the_published_autoencoder():
    recipe = PretrainRecipe()
    assert (recipe.mask_ratio, recipe.decoder_depth, recipe.optimizer.lr) == (0.6, 4, 1e-3)
    assert (recipe.model.num_groups, recipe.model.group_size, recipe.data.num_points) == (64, 32, 1024)
    assert recipe.training.samples_per_epoch is None


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"objective": {"contrast": -1}}, "objective.contrast"),
        ({"objective": {"temperature": 0}}, "objective.temperature"),
        ({"corpus": {"share": 0}}, "corpus.share"),
        ({"corpus": {"name": "npz", "root": "a.npz"}}, "corpus needs training.samples_per_epoch"),
        ({"data": {"features": ["intensity"]}}, "pre-training knows x, y, z alone"),
        ({"training": {"samples_per_epoch": 0}}, "training.samples_per_epoch"),
        ({"mask_ratio": 1.5}, "mask_ratio"),
        ({"decoder_depth": 0}, "decoder_depth"),
    ],
)
def test_what_makes_no_sense_is_named(mapping, words):
    with pytest.raises(ConfigError, match=words):
        from_mapping(PretrainRecipe, mapping)
