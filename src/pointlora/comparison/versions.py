"""Which weights of the package a comparison stands on. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pointlora.models.pretrained import recorded_source, settled_source
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.files import read_mapping
from pointlora.training.run_folder import with_recorded_weights


def settle_weights(recipe: CompareRecipe, path: Path) -> CompareRecipe:
    """The comparison with a version of the weights in the package in place of `pretrained`, for all its methods.

    That is the version with which the comparison began, or the newest.

    Args:
        recipe: of the comparison.
        path: of the recipe that an earlier run of it has left, if there was one.

    Raises:
        ConfigError: if the folder's recipe is damaged.
    """
    before = read_recorded(path) if path.is_file() else {}
    base, methods = recipe.model, {}
    for label, method in recipe.methods.items():
        own, methods[label] = method.get("model"), dict(method)
        if isinstance(own, Mapping) and "checkpoint" in own:
            began_with = _checkpoint(_section(_section(before, "methods"), label))
            checkpoint = settled_source(own["checkpoint"], own.get("name", base.name), began_with)
            methods[label]["model"] = {**own, "checkpoint": checkpoint}
    checkpoint = settled_source(base.checkpoint, base.name, _checkpoint(before))
    return replace(recipe, model=replace(base, checkpoint=checkpoint), methods=methods)


def read_recorded(path: Path) -> dict[str, Any]:
    """The recipe that a comparison has left, `pretrained` replaced by the version of the weights that it meant."""
    found = with_recorded_weights(read_mapping(path))
    base, methods = found.get("model"), found.get("methods")
    name = base.get("name") if isinstance(base, Mapping) else None
    if isinstance(methods, Mapping):
        found["methods"] = {
            label: _with_own_weights(method, name) if isinstance(method, Mapping) else method
            for label, method in methods.items()
        }
    return found


def _with_own_weights(method: Mapping[str, Any], name: Any) -> dict[str, Any]:
    own = method.get("model")
    if not isinstance(own, Mapping) or "checkpoint" not in own:
        return dict(method)
    source = recorded_source(own["checkpoint"], str(own.get("name", name)))
    return {**method, "model": {**own, "checkpoint": source}}


def _section(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = settings.get(name)
    return found if isinstance(found, Mapping) else {}


def _checkpoint(settings: Mapping[str, Any]) -> str | None:
    found = _section(settings, "model").get("checkpoint")
    return found if isinstance(found, str) else None
