"""`pointlora data convert`: from pickles to a format that can't run code."""

from __future__ import annotations

from collections.abc import Sequence

from pointlora.cli.arguments import Parser

DESCRIPTION = """\
convert   write the pickles of few-shot folds (5way_10shot/0.pkl and so on) as .npz files with the same clouds: one
          file, or all in a folder. Nothing in a pickle is run; one that holds anything else than arrays is refused.
"""


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    from pointlora.data.datasets.fewshot_files import convert_folds

    written = convert_folds(options.source, options.target)
    print(f"{len(written)} {'fold' if len(written) == 1 else 'folds'} in {options.target}")
    return 0


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("data", DESCRIPTION)
    parser.add_argument("action", choices=("convert",), help="what to do")
    parser.add_argument("source", metavar="SRC", help="a .pkl file, or a folder of them")
    parser.add_argument("target", metavar="DST", help="the .npz file, or the folder for .npz files in the same layout")
    return parser
