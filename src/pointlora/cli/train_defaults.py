"""What `pointlora train` assumes where no recipe is given, so that the folder of one's scans is all it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import yaml

from pointlora.errors import ConfigError
from pointlora.recipes.method import method_config
from pointlora.recipes.runs import TrainRecipe

Say = Callable[[str], object]

# Below so many labels none is kept back for validation. Where the head starts fitted, a fold ends after so many
# epochs that gain nothing.
FEW_LABELS = 200
_PATIENCE = 3
# A step needs as many clouds.
_FEWEST = 2
# Options that make a protocol of one's own.
_OWN_PROTOCOL = {"training.protocol", "training.measure_test", "training.devices"}
_METHOD = {"method.name": "pointlora-plus"}
_BACKBONE = {
    "model.name": "point_mae_tiny",
    "model.checkpoint": "pretrained",
    "data.num_points": "1024",
    "data.up_axis": "z",
    "data.oversample": "1.0",
}
_SCHEDULE = {
    "optimizer.lr": "3.0e-4",
    "optimizer.warmup_epochs": "1",
    "training.epochs": "10",
    "training.batch_size": "16",
    "training.ema": "0.98",
}


def with_defaults(words: Sequence[str], say: Say | None = None) -> list[str]:
    """The words of a command line, behind those that stand for what they leave out; as they are with a recipe.

    Args:
        words: options and their values, apart from one another.
        say: takes a line for people; by default they go to stderr.
    """
    if words and not words[0].startswith("-"):
        return list(words)
    given = {word[2:] for word in words if word.startswith("--")}
    if {"config", "help", "print_config"} & given or "-h" in words:
        return list(words)
    chosen = dict(_METHOD) if not {"method", "method.name"} & given else {}
    if not {"model", "model.name", "model.checkpoint"} & given and _method_name(words) not in ("full", "scratch"):
        chosen |= _BACKBONE
        (say or _say)(
            "no model.checkpoint is given: taking the backbone in the package (point_mae_tiny, pretrained), which sees "
            "1024 points with the z axis up"
        )
    if "data.root" in given and "data.name" not in given and not _is_file(words):
        chosen["data.name"] = "folder"
    if "method.name" in chosen:
        chosen |= _SCHEDULE
    made = [word for key, value in chosen.items() if key not in given for word in (f"--{key}", value)]
    return [*made, *words]


def for_few_labels(recipe: TrainRecipe, words: Sequence[str], say: Say | None = None) -> TrainRecipe:
    """The recipe with the protocol k_fold where labels are few and the command line names no protocol.

    Raises:
        ConfigError: for a method that would leave random weights as they are.
        DataError: if the data can't be read.
    """
    given = _given(words)
    if words and not words[0].startswith("-"):
        return recipe
    config = method_config(recipe.method)
    if recipe.model.checkpoint is None and "model.checkpoint" not in given and getattr(config, "parts", "") != "all":
        raise ConfigError(
            f"model.checkpoint is missing, and method {recipe.method['name']} would leave random weights as they are: "
            "set it to `pretrained` or a file, or use method full or scratch"
        )
    if recipe.data.root is None or _OWN_PROTOCOL & given:
        return recipe
    from pointlora.training.tasks import get_task

    whole = replace(recipe.training, protocol="last", patience=None, interpolate=None)
    train = get_task(recipe.task).open_splits(replace(recipe, training=whole)).train
    if len(train) >= FEW_LABELS:
        return recipe
    folds = min(recipe.training.folds, len(train))
    if len(train) - -(-len(train) // folds) < _FEWEST:
        (say or _say)(f"{len(train)} labels are too few to hold any out: training.protocol last takes the last epoch")
        return replace(recipe, training=replace(recipe.training, protocol="last", patience=None))
    (say or _say)(
        f"{len(train)} labels are few: holding out each of {folds} folds once (training.protocol k_fold), then "
        "training on all of them"
    )
    keeps = "training.patience" in given or not recipe.probes
    patience = recipe.training.patience if keeps else _PATIENCE
    return replace(recipe, training=replace(recipe.training, protocol="k_fold", folds=folds, patience=patience))


def _given(words: Sequence[str]) -> set[str]:
    """Names of the options, those within `--training '{patience: 7}'` too; the words have been parsed before."""
    names = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
    for option, value in pairwise(words):
        group = yaml.safe_load(value) if option == "--training" else None
        names |= {f"training.{key}" for key in group} if isinstance(group, dict) else set()
    return names


def _method_name(words: Sequence[str]) -> str | None:
    for option, value in pairwise(words):
        if option == "--method.name":
            return value
    return None


def _is_file(words: Sequence[str]) -> bool:
    place = next(value for option, value in pairwise(words) if option == "--data.root")
    return Path(place).is_file()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
