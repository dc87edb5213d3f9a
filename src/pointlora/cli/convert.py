"""`pointlora convert`: a merged adapter in the layout of another code."""

from __future__ import annotations

from collections.abc import Sequence

from pointlora.cli.arguments import Parser, add_plugins
from pointlora.errors import ConfigError
from pointlora.methods.plugins import load_plugins

DESCRIPTION = """\
Merge an adapter into its backbone and write both as one checkpoint for another code.

--to official writes the keys and shapes of the backbone's own code, which evaluates such a file as one of its own. It
holds the plain network with its published head: the methods lora, full, bitfit, head_only and the like can be written,
those that add tokens or modules can't (`pointlora export` takes them). Before the file is written, a fresh network
reads it, and its logits are compared with the adapter's.
"""
LAYOUTS = ("official",)
_ENDINGS = (".pth", ".pt", ".ckpt")


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    if not options.output.endswith(_ENDINGS):
        raise ConfigError(f"--output {options.output} must end with {', '.join(_ENDINGS)}")
    load_plugins(options.plugins)
    from pointlora.export.official import write_official
    from pointlora.prediction.settings import adapter_folder

    written = write_official(adapter_folder(options.run), options.output, options.base)
    print(
        f"{written.path}: a fine-tuned {written.family} file, {written.tensors} tensors; read back, its logits differ "
        f"by {written.difference:.1g} from those of the adapter"
    )
    return 0


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("convert", DESCRIPTION)
    parser.add_argument("run", metavar="RUN", help="folder of a run, or of an adapter, such as runs/mine/adapter")
    parser.add_argument("--to", required=True, choices=LAYOUTS, help="whose layout")
    parser.add_argument("--output", required=True, metavar="FILE", help="checkpoint to write, such as merged.pth")
    parser.add_argument(
        "--base",
        metavar="CKPT",
        help="weights of the backbone (by default the file that the adapter names, from here or from its folder)",
    )
    add_plugins(parser)
    return parser
