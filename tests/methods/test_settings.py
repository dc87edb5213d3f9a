import dataclasses
import subprocess
import sys
from typing import Optional

import pytest

from pointlora.errors import ConfigError
from pointlora.methods.settings import PRESETS, MethodConfig, PointLoraConfig, SelectionScale, TunedPartsConfig
from pointlora.methods.settings.dapt import DaptConfig
from pointlora.methods.settings.idpt import IdptConfig
from pointlora.methods.settings.ppt import PptConfig


@dataclasses.dataclass(frozen=True)
class OutsideConfig(MethodConfig):
    """Settings of a user, which check nothing themselves."""

    start: float = 1
    either: "int | str | None" = None
    old: Optional[int] = None  # noqa: UP045
    anything: "list[int]" = dataclasses.field(default_factory=list)
    tokenizer_batchnorm: str = "frozen"


def test_default_scales_are_the_release_s_and_follow_other_groupings():
    assert PointLoraConfig().scales_for(128, 32) == (SelectionScale(128, 32, 32), SelectionScale(64, 64, 8, 0.25))
    assert PointLoraConfig().scales_for(64, 32) == (SelectionScale(64, 32, 16), SelectionScale(32, 64, 4, 0.25))
    assert PointLoraConfig(scales=[[8, 4, 2]]).scales_for(64, 32) == (SelectionScale(8, 4, 2),)
    assert PointLoraConfig(scales=()).scales_for(64, 32) == ()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_settings_survive_plain_values(name):
    config = PRESETS[name].config
    assert type(config)(**config.as_dict()) == config
    assert PRESETS[name].description
    assert all(field.name in type(config).__doc__ for field in dataclasses.fields(config))


def test_bad_parts_are_named():
    with pytest.raises(ConfigError, match="parts is 'tail', but it must be one of all, head, biases"):
        TunedPartsConfig("tail")


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (TunedPartsConfig, {"parts": "head", "pretrained": False}, "parts is 'head', but it must be all without"),
        (TunedPartsConfig, {"tokenizer_batchnorm": "frozen", "pretrained": False}, "must be batch without pre-trained"),
        (PointLoraConfig, {"targets": "qkv"}, r"targets is 'qkv', but it must be a list, such as \[qkv\]"),
        (PointLoraConfig, {"scorer": "best"}, "scorer is 'best', but it must be one of learned, random"),
        (PointLoraConfig, {"scorer": "random", "straight_through": True}, "false with a random scorer"),
        (PointLoraConfig, {"prompts": "each"}, "one of shared, per_block, none"),
        (PointLoraConfig, {"lora_init": "svd"}, "lora_init is 'svd', but it must be one of kaiming, pissa"),
        (PointLoraConfig, {"b_lr_factor": 0}, "b_lr_factor is 0, but it must be positive"),
        (PointLoraConfig, {"dora": 1}, "dora is 1, but it must be true or false"),
        (PointLoraConfig, {"rank": "x"}, "^rank is 'x', but it must be an integer$"),
        (PointLoraConfig, {"rank": True}, "rank is True, but it must be an integer"),
        (PointLoraConfig, {"alpha": "x"}, "alpha is 'x', but it must be a number"),
        (PointLoraConfig, {"dropout": float("nan")}, "dropout is nan, but it must be a number"),
        (PointLoraConfig, {"rslora": "no"}, "rslora is 'no', but it must be true or false"),
        (PointLoraConfig, {"scales": 3}, "scales is 3, but it must be a list of scales"),
        (PointLoraConfig, {"scales": [["a", 2, 1]]}, "num_groups is 'a', but it must be an integer"),
        (PointLoraConfig, {"targets": [3]}, r"targets is \[3\], but it must be a list of names"),
        (TunedPartsConfig, {"also": "head"}, r"also is 'head', but it must be a list, such as \[head\]"),
        (TunedPartsConfig, {"tokenizer_batchnorm": "frosen"}, "is 'frosen', but it must be one of batch, frozen"),
        (DaptConfig, {"dropout": "x"}, "dropout is 'x', but it must be a number"),
        (IdptConfig, {"neighbors": 2.5}, "neighbors is 2.5, but it must be an integer"),
        (PptConfig, {"tokenizer_batchnorm": "frosen"}, "is 'frosen', but it must be one of batch, frozen"),
        (OutsideConfig, {"tokenizer_batchnorm": "frosen"}, "is 'frosen', but it must be one of batch, frozen"),
        (OutsideConfig, {"tokenizer_batchnorm": None}, "tokenizer_batchnorm is None, but it must be a name"),
        (OutsideConfig, {"start": "x"}, "start is 'x', but it must be a number"),
        (OutsideConfig, {"either": 1.5}, "either is 1.5, but it must be an integer or a name"),
        (OutsideConfig, {"old": 1.5}, "old is 1.5, but it must be an integer"),
    ],
)
def test_settings_that_contradict_each_other_are_named(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        kind(**settings)


def test_settings_of_older_files_mean_what_they_meant():
    before = {**PointLoraConfig().as_dict()}
    for name in ("scorer", "dora", "lora_init", "b_lr_factor"):
        del before[name]
    assert PointLoraConfig(**before) == PointLoraConfig()
    assert TunedPartsConfig(parts="all", tokenizer_batchnorm="batch") == PRESETS["full"].config


def test_no_torch_is_needed():
    code = "import sys, pointlora.methods.table, pointlora.methods.plugins; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
