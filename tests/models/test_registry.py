import pytest

from pointlora import create_model, list_models
from pointlora.errors import ConfigError


def test_models_are_listed():
    assert {"point_mae", "point_mae_tiny"} <= set(list_models())


def test_sizes_can_be_changed():
    model = create_model("point_mae_tiny", num_classes=3, depth=2, tokenizer_dims=[8, 16, 24], group_size=16)
    assert len(model.blocks) == 2
    assert model.tokenizer.second_conv[0].weight.shape == (24, 32)
    assert model.sizes.group_size == 16
    assert model.options == {"num_classes": 3}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("point_maee", {}, "unknown model 'point_maee': did you mean 'point_mae'"),
        ("point_mae", {"task": "dancing"}, "no task 'dancing'; its tasks are classification"),
        ("point_mae", {"embed_dims": 4}, "unknown option of create_model 'embed_dims': did you mean 'embed_dim'"),
        ("point_mae", {"embed_dim": 100}, "embed_dim 100 is not a multiple of num_heads 6"),
        ("point_mae", {"depth": 0}, "depth is 0"),
        ("point_mae", {"depth": 1001}, "depth is 1001"),
        ("point_mae", {"embed_dim": 10**9}, "embed_dim is 1000000000, but it must be an integer between 1 and 65,536"),
        ("point_mae", {"num_groups": 1.5}, "num_groups is 1.5"),
        ("point_mae", {"drop_path_rate": 1.0}, "drop_path_rate is 1.0"),
        ("point_mae", {"tokenizer_dims": (3,)}, "tokenizer_dims is"),
        ("point_mae", {"num_classes": 0}, "num_classes is 0"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ConfigError, match=message):
        create_model(name, **options)
