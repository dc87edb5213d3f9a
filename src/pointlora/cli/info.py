"""`pointlora info`: what a file is; without one, which models, methods, data sets and recipes there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pointlora.cli.arguments import Parser, add_plugins
from pointlora.methods.plugins import load_plugins

DESCRIPTION = """\
Say what a file or folder is: weights (whose, of what stage, which sizes), an adapter, an .onnx file of `pointlora
export`, a run, a recipe, a point cloud, a mesh, a data set. Nothing in a file is ever executed. A file that can't be
read, or that is none of these, gives one line on stderr and exit code 2.

Without a file it lists the models, tuning methods, data sets and recipes that there are.
"""


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    load_plugins(options.plugins)
    content = catalogue() if options.path is None else _described(_located(options.path))
    if options.json:
        print(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        print(catalogue_text(content) if options.path is None else describe_text(content))
    return 0


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("info", DESCRIPTION)
    parser.add_argument("path", nargs="?", metavar="FILE", help="file or folder to look at")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add_plugins(parser)
    return parser


def catalogue() -> dict[str, dict[str, str]]:
    """Models, methods, data sets and recipes, each with a line on what it is."""
    from pointlora.data.datasets.registry import list_datasets
    from pointlora.data.parts.registry import list_part_datasets
    from pointlora.methods.table import PRESETS, load_entry_points
    from pointlora.models.registry import get_family, list_models
    from pointlora.recipes.files import find_recipe, list_recipes

    load_entry_points()
    return {
        "weights in the package": _package_weights(),
        "models": {name: get_family(name).description for name in list_models()},
        "methods": {name: preset.description for name, preset in PRESETS.items()},
        "data sets": dict.fromkeys(list_datasets(), ""),
        "data sets with part labels": dict.fromkeys(list_part_datasets(), ""),
        "recipes": {name: _first_comment(find_recipe(name)) for name in list_recipes()},
    }


def catalogue_text(content: dict[str, dict[str, str]]) -> str:
    """The lists for people."""
    width = max(len(name) for names in content.values() for name in names)
    lines: list[str] = []
    for section, names in content.items():
        lines += [section, *(f"  {name:<{width}}  {text}".rstrip() for name, text in names.items())]
    return "\n".join(lines)


def describe_text(content: dict[str, Any]) -> str:
    """A line for each value, for people: long lists and mappings are given in short."""
    from pointlora.reports.tables import key_value_table

    shown = {key: _shortened(key, value) for key, value in content.items()}
    return key_value_table(shown)


def _located(path: str) -> str:
    """The file of a version of the weights in the package; a path as it is."""
    from pointlora.models.pretrained import pretrained_file, version_named

    named = version_named(path)
    return path if named is None else str(pretrained_file(*named))


def _package_weights() -> dict[str, str]:
    """Each version by the name that `model.checkpoint` takes."""
    from pointlora.models.pretrained import SHA256

    return {
        f"{name}@{number}": f"of {name}" + ", the newest: `pretrained` means these" * (number == max(versions))
        for name, versions in SHA256.items()
        for number in sorted(versions, reverse=True)
    }


def _first_comment(path: Path) -> str:
    """The first line of a recipe says what it is."""
    line = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return line.removeprefix("#").strip().rstrip(".") if line.startswith("#") else ""


def _described(path: str) -> dict[str, Any]:
    from pointlora.inspection import describe

    return describe(path)


def _shortened(key: str, value: Any) -> Any:
    if key == "bytes":
        return f"{value:,} ({value / 1e6:.2f} MB)"
    if key in ("classes", "parts", "reads_into") and value:
        return f"{len(value)}: {', '.join(map(str, value))}"
    if key in ("bounds", "extent"):
        return _all_digits(value)
    if isinstance(value, dict) and "per_class" in value:
        inner = ", ".join(f"{name} {count}" for name, count in value["per_class"].items())
        return f"{value['clouds']:,} clouds: {inner}"
    return value


def _all_digits(value: Any) -> Any:
    """Coordinates as text: map coordinates have more digits than a table shows of other numbers."""
    if isinstance(value, dict):
        return {key: _all_digits(inner) for key, inner in value.items()}
    return [repr(number).removesuffix(".0") for number in value]
