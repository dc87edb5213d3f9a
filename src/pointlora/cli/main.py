"""The `pointlora` command: finds the subcommand and runs it. Each one is imported only when it is asked for."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence

import pointlora
from pointlora.allocator import keep_large_blocks
from pointlora.cli.errors import report, run_guarded
from pointlora.names import unknown_name
from pointlora.version import __version__
from pointlora.waiting import wait_shortly

# command -> (module with `run(arguments) -> exit code`, one line of help)
COMMANDS = {
    "train": ("pointlora.cli.train", "fine-tune a pre-trained backbone with a recipe"),
    "pretrain": ("pointlora.cli.pretrain", "pre-train a backbone as a masked autoencoder"),
    "compare": ("pointlora.cli.compare", "compare methods over several seeds: a table with intervals"),
    "fewshot": ("pointlora.cli.fewshot", "fine-tune on few-shot folds: mean and standard deviation"),
    "probe": ("pointlora.cli.probe", "see what a backbone's frozen features separate"),
    "evaluate": ("pointlora.cli.evaluate", "measure an adapter on a data set"),
    "predict": ("pointlora.cli.predict", "classify your own files, or label their parts"),
    "report": ("pointlora.cli.report", "see a run as one HTML page: curves, mistakes, clouds, what to label next"),
    "convert": ("pointlora.cli.convert", "merge an adapter into a checkpoint for the backbone's own code"),
    "export": ("pointlora.cli.export", "write a model for other programs: ONNX, torch.export, int8"),
    "demo": ("pointlora.cli.demo", "adapt to scans in three ways and draw predictions, in a few minutes"),
    "data": ("pointlora.cli.data", "convert few-shot pickles to a safe format"),
    "info": ("pointlora.cli.info", "show what a file holds, or list models, methods and recipes"),
    "benchmark": ("pointlora.cli.benchmark", "measure time and memory against a plain implementation"),
}


def usage() -> str:
    """The text of `pointlora --help`."""
    lines = ["usage: pointlora COMMAND [options]", "", pointlora.__doc__ or "", "", "commands:"]
    lines += [f"  {name:<11}{text}" for name, (_, text) in COMMANDS.items()]
    lines += ["", "options:", "  --help     show this text; `pointlora COMMAND --help` shows a command's own"]
    lines += ["  --version  show the version"]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(f"pointlora {__version__}")
        return 0
    if words[0] not in COMMANDS:
        return report(unknown_name("command", words[0], COMMANDS))
    _print_any_name()
    # Before torch is loaded.
    wait_shortly()
    keep_large_blocks()
    module = COMMANDS[words[0]][0]
    return run_guarded(lambda: importlib.import_module(module).run(words[1:]))


def _print_any_name() -> None:
    """Let stdout take names of files and columns that its encoding lacks, as stderr does: escaped, not a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
