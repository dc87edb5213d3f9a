"""Recipes as files and mappings: finding, reading, checking keys, comparing."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from pointlora.errors import ConfigError
from pointlora.names import nearest_name, unknown_name

Recipe = TypeVar("Recipe")


def recipes_folder() -> Path:
    """Where the recipes that come with the package lie."""
    return Path(__file__).resolve().parent / "published"


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package, sorted."""
    return sorted(path.stem for path in recipes_folder().glob("*.yaml"))


def find_recipe(name: str) -> Path:
    """The file of a recipe, given by path or by bare name.

    Raises:
        ConfigError: if there is neither, with the nearest name.
    """
    path = Path(name)
    if path.is_file():
        return path
    bundled = recipes_folder() / f"{path.name.removesuffix('.yaml')}.yaml"
    if path.parent == Path() and bundled.is_file():
        return bundled
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a recipe file")
    raise ConfigError(unknown_name("recipe", name, list_recipes()) + "; or give the path of a YAML file")


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        ConfigError: if it isn't YAML, is no mapping, or names a key twice.
        OSError: if it can't be read.
    """
    import yaml

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_yaml_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a YAML file: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds a {type(content).__name__}, not settings such as `training: {{epochs: 3}}`")
    return content


@functools.cache
def _yaml_loader() -> Any:
    """PyYAML's safe loader that refuses a key given twice, and reads 5e-4 as the number that it is in YAML 1.2."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} appears twice", key.start_mark)
                if isinstance(key, yaml.ScalarNode):
                    seen.add(key.value)
            return super().construct_mapping(node, deep)

    number = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    return Loader


def check_keys(kind: type, mapping: Mapping[str, Any], where: str = "", prefix: str = "") -> None:
    """Every key of `mapping` must be a setting of the dataclass `kind`, at every level.

    Raises:
        ConfigError: naming the key in full, and the nearest right one.
    """
    sections = nested_sections(kind)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for key, value in mapping.items():
        if key not in known:
            everywhere = list(dotted_keys(kind, prefix))
            guess = nearest_name(f"{prefix}{key}", everywhere) or nearest_name(str(key), known)
            hint = f": did you mean {guess!r}?" if guess else f"; known: {', '.join(known)}"
            raise ConfigError(f"{where}unknown key '{prefix}{key}'{hint}")
        if key in sections:
            if not isinstance(value, Mapping):
                raise ConfigError(f"{where}{prefix}{key} is {value!r}, but it must be a mapping of settings")
            check_keys(sections[key], value, where, f"{prefix}{key}.")


def nested_sections(kind: type) -> dict[str, type]:
    """The fields of a recipe that are dataclasses themselves."""
    sections = {}
    for field in fields(kind):  # type: ignore[arg-type]
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if is_dataclass(default):
            sections[field.name] = type(default)
    return sections


def dotted_keys(kind: type, prefix: str = "") -> Iterator[str]:
    """All settings of a recipe by their full names, such as `training.epochs`."""
    sections = nested_sections(kind)
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in sections:
            yield from dotted_keys(sections[field.name], f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def from_mapping(kind: type[Recipe], mapping: Mapping[str, Any], where: str = "") -> Recipe:
    """A recipe from nested settings; what isn't given keeps its default.

    Raises:
        ConfigError: for an unknown key or a value out of range.
    """
    check_keys(kind, mapping, where)
    defaults = kind()
    values = dict(mapping)
    for key in nested_sections(kind):
        # The recipe's own default of a section may differ from the section's class default.
        merged = {**_shallow(getattr(defaults, key)), **values.get(key, {})}
        values[key] = type(getattr(defaults, key))(**merged)
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{where}{error}") from error


def to_mapping(recipe: Any) -> dict[str, Any]:
    """The recipe as nested plain values; numbers of numpy become Python's."""
    plain: dict[str, Any] = _plain(asdict(recipe))
    return plain


def write_yaml(mapping: Mapping[str, Any]) -> str:
    """YAML text of nested plain values, in their order."""
    import yaml

    return yaml.safe_dump(dict(mapping), sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value.item() if type(value).__module__ == "numpy" else value


def _shallow(section: Any) -> dict[str, Any]:
    return {field.name: getattr(section, field.name) for field in fields(section)}
