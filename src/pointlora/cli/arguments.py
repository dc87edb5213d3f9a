"""Plain command lines, for commands without a recipe: argparse with one-line errors and the nearest name."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from pointlora.errors import ConfigError
from pointlora.names import nearest_name


class Parser(argparse.ArgumentParser):
    """An `argparse` parser whose errors are `ConfigError`s, so that they end like all other errors.

    Args:
        command: name of the command.
        description: what it does; its paragraphs are kept.
    """

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"pointlora {command}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see `{self.prog} --help`")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The arguments.

        Raises:
            ConfigError: for anything wrong with them; a misspelt option gets the nearest right one.
        """
        known = [option for action in self._actions for option in action.option_strings]
        for word in arguments:
            if word == "--":
                break
            name = word.split("=", 1)[0]
            if name.startswith("--") and name not in known:
                near = nearest_name(name, known)
                self.error(f"unknown option {name!r}" + (f": did you mean {near!r}?" if near else ""))
        return self.parse_args(list(arguments))


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """The option `--plugins`, which `pointlora.methods.plugins.load_plugins` takes."""
    parser.add_argument(
        "--plugins",
        action="append",
        default=[],
        metavar="FILE",
        help="Python file that registers the tuning method of an adapter; it is run (may be given several times)",
    )


def positive_integer(text: str) -> int:
    """An argparse type: an integer of at least 1."""
    return _integer(text, 1)


def natural_number(text: str) -> int:
    """An argparse type: an integer of at least 0."""
    return _integer(text, 0)


def _integer(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least {least}")
    return value
