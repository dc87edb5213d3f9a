"""Families of models by the names of their models."""

from __future__ import annotations

from pointlora.errors import ConfigError
from pointlora.models import (
    act,
    maskpoint,
    pcp_mae,
    point_bert,
    point_femae,
    point_gpt,
    point_jepa,
    point_mae,
    point_pqae,
    recon,
    uni3d,
)
from pointlora.models.family import Family
from pointlora.names import unknown_name

# A new family is one more module here.
_MODULES = (
    point_mae,
    point_bert,
    act,
    recon,
    point_gpt,
    pcp_mae,
    maskpoint,
    point_femae,
    point_pqae,
    point_jepa,
    uni3d,
)
_FAMILIES: dict[str, Family] = {family.name: family for module in _MODULES for family in module.FAMILIES}


def list_models() -> list[str]:
    """Names that `create_model` knows, sorted."""
    return sorted(_FAMILIES)


def get_family(name: str) -> Family:
    """The family of that name.

    Raises:
        ConfigError: for an unknown name, with the nearest right one.
    """
    if name not in _FAMILIES:
        raise ConfigError(unknown_name("model", name, list_models()))
    return _FAMILIES[name]
