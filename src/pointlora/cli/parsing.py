"""Command lines over dataclasses: a YAML file first, then dotted overrides, each checked against the nearest name."""

from __future__ import annotations

import re
from argparse import SUPPRESS, ArgumentError
from collections.abc import Sequence
from typing import Any, TypeVar

from pointlora.errors import ConfigError
from pointlora.names import unknown_name
from pointlora.recipes.files import check_keys, dotted_keys, find_recipe, from_mapping, read_mapping

Recipe = TypeVar("Recipe")

# Settings that are free-form mappings: their keys are checked by whom they are meant for.
FREE_FORM = ("method", "data.options", "data.ranges", "corpus.options", "options")


def parse_recipe(
    kind: type[Recipe], arguments: Sequence[str], command: str, flags: dict[str, str], recipe: str | None = None
) -> tuple[Recipe, dict[str, bool]]:
    """Read a dataclass from a command line.

    Args:
        kind: the dataclass; its docstring is the help.
        arguments: words after the command.
        command: the command's name, for the usage line.
        flags: names of plain switches, with their help.
        recipe: help of the positional recipe; None when the command takes none.

    Returns:
        the recipe and which switches were given.

    Raises:
        ConfigError: for anything wrong in the file or in the words.
    """
    parser = make_parser(kind, command, flags, recipe)
    words = split_equals(arguments)
    check_options(kind, words, flags)
    try:
        chosen = parser.parse_args(words)
        name = getattr(chosen, "recipe", None)
        if name is not None:
            path = find_recipe(name)
            check_keys(kind, read_mapping(path), where=f"{path}: ")
            chosen = parser.parse_args(["--config", str(path), *words])
    except ArgumentError as error:
        raise ConfigError(short_message(str(error))) from error
    values: dict[str, Any] = chosen.as_dict()
    given = {flag: bool(values.pop(flag.replace("-", "_"))) for flag in flags}
    values.pop("config", None)
    values.pop("recipe", None)
    return from_mapping(kind, values), given


def make_parser(kind: type, command: str, flags: dict[str, str], recipe: str | None) -> Any:
    """The jsonargparse parser of a command."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog=f"pointlora {command}", exit_on_error=False)
    if recipe is not None:
        parser.add_argument("recipe", nargs="?", default=None, help=recipe)
        parser.add_argument("--config", action="config", help=SUPPRESS)
    for flag, text in flags.items():
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    parser.add_class_arguments(kind)
    return parser


def split_equals(arguments: Sequence[str]) -> list[str]:
    """`--key=value` as two words; `--plugins FILE` as jsonargparse adds to a list, so that it may come again."""
    words: list[str] = []
    for word in arguments:
        words += word.split("=", 1) if re.match(r"--[\w.]+=", word) else [word]
    for number, word in enumerate(words[1:]):
        if words[number] == "--plugins" and not word.startswith("["):
            words[number] = "--plugins+"
    return words


def check_options(kind: type, words: Sequence[str], flags: dict[str, str]) -> None:
    """Every `--name` must be a setting of `kind` or a switch.

    Raises:
        ConfigError: with the nearest right name.
    """
    known = [*dotted_keys(kind), *flags, "help", "print_config"]
    sections = {name.rsplit(".", 1)[0] for name in known if "." in name}
    for word in words:
        if not word.startswith("--") or word == "--":
            continue
        name = word[2:].removesuffix("+")
        if name not in known and name not in sections and not name.startswith(tuple(f"{key}." for key in FREE_FORM)):
            message = unknown_name("option", word, [f"--{key}" for key in known])
            raise ConfigError(message.split(" Known:")[0] if "did you mean" in message else message)


def short_message(message: str) -> str:
    """jsonargparse's message of many lines as one: the key, what was expected, the value."""
    text = " ".join(message.split())
    key = re.search(r'[Pp]arser key "([\w.]+)"', text)
    value = re.search(r"(?:Got value|Given value): (.*?)(?: - |$)", text)
    if key is None or value is None:
        return text
    expected = re.search(r"Subtypes: \[(.*?)\] Errors", text) or re.search(r"Expected an? (.*?)\. Got", text)
    kinds = expected.group(1) if expected else "a different type"
    kinds = re.sub(r"<class '(\w+)'>", r"\1", kinds).replace("NoneType", "null").replace(", ", " or ")
    return f"{key.group(1)} is {value.group(1)!r}, but it must be of type {kinds}"
