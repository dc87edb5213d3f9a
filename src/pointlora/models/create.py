"""Models by name, with random weights or with those that come with the package."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from torch import nn

from pointlora.errors import ConfigError
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.pretrained import locate_weights, package_source
from pointlora.models.registry import get_family
from pointlora.names import unknown_name

# What a head tells apart where nothing is said: the classes of ModelNet40, the parts and categories of ShapeNetPart.
_DEFAULTS = {"classification": {"num_classes": 40}, "part_segmentation": {"num_parts": 50, "num_categories": 16}}


def create_model(name: str, task: str = "classification", pretrained: bool | str = False, **options: Any) -> nn.Module:
    """Build a model, with random weights or with those that come with the package.

    Args:
        name: one of `list_models()`.
        task: `classification` (option `num_classes`, default 40), `part_segmentation` (options `num_parts`, default
            50, `num_categories`, default 16, and `head_dims`) or `pretraining` (options `decoder_depth`,
            `decoder_num_heads`, `mask_ratio`).
        pretrained: load the weights that come with the package (`list_pretrained()` names the models that have some),
            the newest or those of a version that is named, `"point_mae_tiny@1"`; the head is new all the same.
        options: those of the task, and sizes that differ from the published ones: `embed_dim`, `depth`, `num_heads`,
            `num_groups`, `group_size`, `drop_path_rate`, `tokenizer_dims`; and `num_features`, the numbers F that
            points (B, N, 3 + F) have beside x, y, z.

    Returns:
        the model; `model.name`, `model.task`, `model.sizes` and `model.options` say how to build it again.

    Raises:
        ConfigError: for an unknown name, task or option, with the nearest right one.
        CheckpointError: if the package has no weights for the model, they are damaged, or the sizes are others.
    """
    family = get_family(name)
    if task not in family.tasks:
        raise ConfigError(f"{name} has no task {task!r}; its tasks are {', '.join(sorted(family.tasks))}")
    builder = family.tasks[task]
    known = _options_of(builder)
    sizes = {field.name for field in fields(family.sizes)}
    for option in options:
        if option not in known | sizes:
            raise ConfigError(unknown_name("option of create_model", option, sorted(known | sizes)))
    options = {**_DEFAULTS.get(task, {}), **options}
    # Lists, as in JSON, so that options compare equal with those that were read from a file.
    own = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items() if key in known}
    model: Any = builder(family.sizes.with_changes({k: v for k, v in options.items() if k in sizes}), **own)
    model.name, model.task, model.options = name, task, own
    if pretrained:
        source = package_source(pretrained, name)
        load_checkpoint(model, locate_weights(source, name))
        model.package_weights = source
    return model


def _options_of(builder: Callable[..., nn.Module]) -> set[str]:
    """What a model's class takes besides its sizes; arguments that it only hands on stand in the class above it."""
    if not isinstance(builder, type):
        return set(inspect.signature(builder).parameters) - {"sizes"}
    known: set[str] = set()
    for kind in builder.__mro__:
        if "__init__" not in vars(kind):
            continue
        parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
        known |= {parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return known - {"self", "sizes"}
