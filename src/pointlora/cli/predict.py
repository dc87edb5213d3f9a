"""`pointlora predict`: class probabilities of files, or a part for each of their points."""

from __future__ import annotations

import csv
import io
import json
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pointlora.cli.arguments import Parser, add_plugins, natural_number, positive_integer
from pointlora.cli.errors import USER_ERROR, report
from pointlora.errors import AdapterError, ConfigError, DataError

if TYPE_CHECKING:
    from pointlora.prediction import Prediction
    from pointlora.prediction.predictor import FileClassifier
    from pointlora.reports.page.content import Report

DESCRIPTION = """\
Classify point-cloud and mesh files, or label the parts of each, with a trained adapter, which knows its task, or with
an .onnx file that `pointlora export` made of one, which needs no torch.

FILES are files (.ply .pcd .las .laz .e57 .xyz .txt .csv .asc .pts .ptx .npy .npz .bin .off .obj .stl .glb .gltf, each
also with .gz), folders, which are searched through, or quoted patterns such as 'scans/**/*.ply'. What of a folder isn't
read is said in one line. Each cloud is prepared as the training data was.

Part segmentation labels every point of each file, in its order, and writes into the folder --output: <file>_parts.ply,
coloured, with a property 'label' and all that the file had; <file>_parts.npy, the labels; and parts.png, a picture.

Without an adapter, --zero-shot classes.npz names classes by text embeddings of your own (arrays `names` and
`embeddings`), for the network in --base whose clouds have embeddings in the same space (Uni3D).

A file that can't be read is reported on stderr in one line and left out; all others are still predicted. The exit
code is then 2; it is 0 only when every file was.
"""
CLASSIFICATION, SEGMENTATION = "classification", "part_segmentation"
TASKS = {"classification": CLASSIFICATION, "segmentation": SEGMENTATION, "part_segmentation": SEGMENTATION}
# Options that mean something to one task only.
_OF = {"top": CLASSIFICATION, "batch_size": CLASSIFICATION, "category": SEGMENTATION, "pictures": SEGMENTATION}


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    given = [name for name in ("adapter", "model", "zero_shot") if getattr(options, name) is not None]
    if len(given) != 1:
        raise ConfigError("give one of --adapter DIR, --model ONNX and --zero-shot NPZ")
    if given == ["model"]:
        return _run_onnx(options)
    from pointlora.methods.plugins import load_plugins

    load_plugins(options.plugins)
    if given == ["zero_shot"]:
        return _classify(options, _zero_shot(options))
    how = (options.adapter, options.base, options.device, options.up_axis, options.missing_features)
    if adapter_task(options) == SEGMENTATION:
        from pointlora.cli.predict_parts import run_parts
        from pointlora.prediction import PartPredictor

        return run_parts(options, lambda: PartPredictor(*how))
    from pointlora.prediction import Predictor

    return _classify(options, Predictor(*how))


def _run_onnx(options: Namespace) -> int:
    """With an exported file; torch isn't loaded."""
    for name in ("base", "plugins"):
        if getattr(options, name):
            raise ConfigError(f"--{name} is for --adapter: {options.model} holds all that it needs")
    from pointlora.export.onnx_file import read_onnx
    from pointlora.prediction import OnnxPartPredictor, OnnxPredictor

    file = read_onnx(options.model)
    check_task(options, options.model, file.description.task)
    how = (file, options.device, options.up_axis, options.missing_features)
    if file.description.task == SEGMENTATION:
        from pointlora.cli.predict_parts import run_parts

        return run_parts(options, lambda: OnnxPartPredictor(*how))
    return _classify(options, OnnxPredictor(*how))


def adapter_task(options: Namespace) -> str:
    """The adapter's task.

    Raises:
        AdapterError: no adapter, or a damaged one.
        ConfigError: as `check_task`.
    """
    from pointlora.adapters.folder_config import read_adapter_config
    from pointlora.prediction.settings import adapter_folder

    task: str = read_adapter_config(adapter_folder(options.adapter))["base_model"]["task"]
    check_task(options, options.adapter, task)
    return task


def check_task(options: Namespace, source: str, task: str) -> None:
    """What was asked for must be for the task of the adapter or file.

    Raises:
        AdapterError: for another `--task`.
        ConfigError: for an option of the other task.
    """
    if options.task is not None and TASKS[options.task] != task:
        raise AdapterError(f"{source} is for {task}, not for {TASKS[options.task]}: leave --task out")
    for name, wanted in _OF.items():
        if getattr(options, name) is not None and task in TASKS.values() and task != wanted:
            raise ConfigError(f"--{name.replace('_', '-')} is for {wanted}; {source} is for {task}")


def _classify(options: Namespace, predictor: FileClassifier) -> int:
    from pointlora.atomic import write_text_atomically
    from pointlora.data.file_names import expand_paths
    from pointlora.prediction import Prediction

    good: list[Prediction] = []
    bad: list[DataError] = []
    for result in predictor.predict_each(expand_paths(options.files), options.batch_size or 32):
        if isinstance(result, Prediction):
            good.append(result)
        else:
            bad.append(result)
            report(str(result))
    kind = "json" if options.json else (options.output or "").rsplit(".", 1)[-1].lower()
    text = FORMATS.get(kind, as_table)(good, bad, min(options.top or 3, len(predictor.class_names)))
    if options.output:
        write_text_atomically(options.output, f"{text}\n")
        _report(options, predictor, good)
    elif text:
        print(text)
    return USER_ERROR if bad else 0


def _report(options: Namespace, predictor: FileClassifier, good: Sequence[Prediction]) -> None:
    """A page beside the file of predictions."""
    from pointlora.prediction.predictor import TorchClassifier

    if options.no_report or not good or not isinstance(predictor, TorchClassifier):
        return  # an exported network shows nothing of its inside
    from pathlib import Path

    from pointlora.reporting.writing import report_at_the_end

    def make() -> Report:
        from pointlora.reporting.prediction import classified_report

        return classified_report(predictor, good, options.files, options.adapter or options.zero_shot)

    path = Path(options.output)
    report_at_the_end(make, path.with_name(f"{path.stem}_report.html"))


def _zero_shot(options: Namespace) -> FileClassifier:
    if options.base is None:
        raise ConfigError("--zero-shot needs the weights of a network with an embedding: give their file with --base")
    from pointlora.prediction import ZeroShotPredictor

    return ZeroShotPredictor(options.base, options.zero_shot, options.device, options.up_axis)


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("predict", DESCRIPTION)
    parser.add_argument("files", nargs="+", metavar="FILES", help="files, folders or quoted patterns")
    parser.add_argument("--adapter", metavar="DIR", help="adapter folder, such as runs/mine/adapter")
    parser.add_argument(
        "--model", metavar="ONNX", help="file that `pointlora export` made of an adapter; needs no torch"
    )
    parser.add_argument("--zero-shot", metavar="NPZ", help="names and text embeddings of classes, without an adapter")
    parser.add_argument(
        "--task", choices=tuple(TASKS), help="the task of the adapter or file; a different one is an error"
    )
    parser.add_argument(
        "--base",
        metavar="CKPT",
        help="weights of the backbone (by default the file that the adapter names, from here or from its folder)",
    )
    add_plugins(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--output",
        metavar="PATH",
        help="classification: write to this file (.json, .csv, otherwise a table) instead of printing; "
        "part segmentation: the folder for labelled clouds",
    )
    parser.add_argument(
        "--up-axis", choices=("x", "y", "z"), help="axis that points up in FILES, if different from training"
    )
    parser.add_argument(
        "--missing-features",
        default="error",
        choices=("error", "zero"),
        help="where a file lacks a feature that the adapter was trained with: an error, or zero in its place",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute")
    parser.add_argument(
        "--no-report", action="store_true", help="with --output, write no page of the clouds beside (in) it"
    )
    classes = parser.add_argument_group("classification")
    classes.add_argument("--top", type=positive_integer, metavar="K", help="classes to show (default 3)")
    classes.add_argument("--batch-size", type=positive_integer, metavar="N", help="clouds at a time (default 32)")
    parts = parser.add_argument_group("part segmentation")
    parts.add_argument(
        "--category", metavar="NAME", help="the category of FILES (by default the name of each file's folder)"
    )
    parts.add_argument(
        "--pictures", type=natural_number, metavar="N", help="clouds in parts.png, the first N (default 8; 0 for none)"
    )
    return parser


def as_table(good: Sequence[Prediction], bad: Sequence[DataError], top: int) -> str:
    """A line a file."""
    from pointlora.reports.tables import text_table

    if not good:
        return ""
    header = ["file", "points", "class", "probability", *(["next"] if top > 1 else [])]
    rows = []
    for prediction in good:
        (name, probability), *others = prediction.top(top)
        row = [str(prediction.source), prediction.num_points, name, f"{probability:.4f}"]
        rows.append([*row, *([", ".join(f"{n} {p:.4f}" for n, p in others)] if top > 1 else [])])
    return text_table(header, rows)


def as_json(good: Sequence[Prediction], bad: Sequence[DataError], top: int) -> str:
    """One object with `predictions` and `errors`."""
    predictions = []
    for prediction in good:
        best = [{"class": name, "probability": probability} for name, probability in prediction.top(top)]
        counts = {"points": prediction.num_points, "dropped_points": prediction.num_dropped}
        predictions.append({"file": str(prediction.source), **counts, **best[0], "top": best})
    content = {"predictions": predictions, "errors": [str(error) for error in bad]}
    return json.dumps(content, indent=2, ensure_ascii=False)


def as_csv(good: Sequence[Prediction], bad: Sequence[DataError], top: int) -> str:
    """One row per file, with the `top` classes and their probabilities."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ranks = range(1, top + 1)
    writer.writerow(["file", "points", *(f"{what}_{rank}" for rank in ranks for what in ("class", "probability"))])
    for prediction in good:
        best = [cell for pair in prediction.top(top) for cell in pair]
        writer.writerow([str(prediction.source), prediction.num_points, *best])
    return text.getvalue().rstrip("\n")


FORMATS = {"json": as_json, "csv": as_csv}
