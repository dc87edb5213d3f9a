"""`pointlora predict`: class probabilities of files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pointlora.cli.arguments import Parser, positive_integer
from pointlora.cli.errors import USER_ERROR, report
from pointlora.errors import DataError

if TYPE_CHECKING:
    from pointlora.prediction import Prediction

DESCRIPTION = """\
Classify point-cloud and mesh files with a trained adapter.

FILES are files (.ply .pcd .xyz .txt .npy .npz .las .laz .off .obj .stl), folders, which are searched through, or quoted
patterns such as 'scans/**/*.ply'. Each cloud is prepared as the adapter's training data was.

A file that can't be read is reported on stderr in one line and left out; all others are still classified. The exit
code is then 2; it is 0 only when every file was classified.
"""


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    from pointlora.atomic import write_text_atomically
    from pointlora.data.file_names import expand_paths
    from pointlora.prediction import Prediction, Predictor

    predictor = Predictor(options.adapter, options.base, options.device, options.up_axis)
    good: list[Prediction] = []
    bad: list[DataError] = []
    for result in predictor.predict_each(expand_paths(options.files), options.batch_size):
        if isinstance(result, Prediction):
            good.append(result)
        else:
            bad.append(result)
            report(str(result))
    kind = "json" if options.json else (options.output or "").rsplit(".", 1)[-1].lower()
    text = FORMATS.get(kind, as_table)(good, bad, min(options.top, len(predictor.class_names)))
    if options.output:
        write_text_atomically(options.output, f"{text}\n")
    elif text:
        print(text)
    return USER_ERROR if bad else 0


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("predict", DESCRIPTION)
    parser.add_argument("files", nargs="+", metavar="FILES", help="files, folders or quoted patterns")
    parser.add_argument("--adapter", required=True, metavar="DIR", help="adapter folder, such as runs/mine/adapter")
    parser.add_argument(
        "--base",
        metavar="CKPT",
        help="weights of the backbone (by default the file that the adapter names, from here or from its folder)",
    )
    parser.add_argument("--top", type=positive_integer, default=3, metavar="K", help="classes to show (default 3)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--output", metavar="FILE", help="write to a file (.json, .csv, otherwise a table)")
    parser.add_argument(
        "--up-axis", choices=("x", "y", "z"), help="axis that points up in FILES, if not as in training"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute")
    parser.add_argument("--batch-size", type=positive_integer, default=32, metavar="N", help="clouds at a time")
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
        predictions.append({"file": str(prediction.source), "points": prediction.num_points, **best[0], "top": best})
    content = {"predictions": predictions, "errors": [str(error) for error in bad]}
    return json.dumps(content, indent=2, ensure_ascii=False)


def as_csv(good: Sequence[Prediction], bad: Sequence[DataError], top: int) -> str:
    """A row a file, with the `top` classes and their probabilities."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ranks = range(1, top + 1)
    writer.writerow(["file", "points", *(f"{what}_{rank}" for rank in ranks for what in ("class", "probability"))])
    for prediction in good:
        best = [cell for pair in prediction.top(top) for cell in pair]
        writer.writerow([str(prediction.source), prediction.num_points, *best])
    return text.getvalue().rstrip("\n")


FORMATS = {"json": as_json, "csv": as_csv}
