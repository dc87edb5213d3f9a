"""`pointlora evaluate`: measure an adapter on a data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pointlora.checks import check_choice, check_integer
from pointlora.cli.end_report import NO_REPORT, report_of_evaluation
from pointlora.cli.parsing import parse_recipe
from pointlora.errors import ConfigError
from pointlora.methods.plugins import load_plugins
from pointlora.recipes.parts import check_labels
from pointlora.recipes.protocols import describe_selection


@dataclass
class EvaluationData:
    """What to measure on; what isn't given is as in the adapter's training.

    Args:
        name: scanobjectnn, modelnet40, folder, npz, shards or procedural; for parts shapenetpart, folder or procedural.
        root: folder (or file) that holds it.
        options: the data set's own options; they replace those of the training when name is given.
        label_name, label_column: where the part labels of a folder's files are, as in training.
        cache: auto, off, or a folder, as in training.
        split: train, test, or any split that the data set has.
        num_points: points per cloud, as the model sees it.
    """

    name: str | None = None
    root: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    label_name: str | None = None
    label_column: int | None = None
    cache: str = "auto"
    split: str = "test"
    num_points: int | None = None

    def __post_init__(self) -> None:
        check_labels(self.label_name, self.label_column)
        if self.num_points is not None:
            check_integer("data.num_points", self.num_points, 1, 10**7)


@dataclass
class EvaluateConfig:
    """Figures of an adapter: accuracy and the confusion matrix of a classifier; mIoU of a part segmenter, over all
    points.

    Args:
        adapter: folder of an adapter, or of a run that has one.
        base: file with the backbone's weights; by default the one that the adapter names.
        data: what to measure on.
        votes: average the probabilities over this many random subsets and augmentations of each cloud.
        seed: of the votes.
        batch_size: clouds at a time.
        workers: processes that load data.
        accelerator: auto, cpu or cuda.
        precision: 32, for the same figures on every machine, or bf16 where the processor or the GPU computes in it.
        plugins: Python files that register the adapter's tuning method, if it isn't one of this library's. They are
            run.
    """

    adapter: str | None = None
    base: str | None = None
    data: EvaluationData = field(default_factory=EvaluationData)
    votes: int = 1
    seed: int = 0
    batch_size: int = 32
    workers: int = 0
    accelerator: str = "auto"
    precision: int | str = "32"
    plugins: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        load_plugins(self.plugins)
        check_integer("votes", self.votes, 1, 10**4)
        check_integer("seed", self.seed, 0, 2**32 - 1)
        check_integer("batch_size", self.batch_size, 1)
        check_integer("workers", self.workers, 0, 256)
        check_choice("accelerator", self.accelerator, ("auto", "cpu", "cuda"))
        self.precision = str(self.precision)
        check_choice("precision", self.precision, ("32", "bf16"))

    @property
    def folder(self) -> Path:
        """The adapter's folder.

        Raises:
            ConfigError: if none was given.
        """
        if self.adapter is None:
            raise ConfigError("--adapter is missing: give the folder of an adapter")
        inside = Path(self.adapter) / "adapter"
        return inside if inside.is_dir() else Path(self.adapter)


FLAGS = {"json": "print everything as JSON, the confusion matrix included", **NO_REPORT}


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    config, flags = parse_recipe(EvaluateConfig, arguments, "evaluate", FLAGS)
    from pointlora.reports.classification import confusion_table, metrics_table
    from pointlora.reports.part_segmentation import part_table
    from pointlora.training.evaluate_adapter import evaluate_adapter

    given: dict[str, Any] = {
        "base": config.base,
        "data_name": config.data.name,
        "root": config.data.root,
        "options": config.data.options,
        "cache": config.data.cache,
        "split": config.data.split,
        "num_points": config.data.num_points,
        "votes": config.votes,
        "seed": config.seed,
        "batch_size": config.batch_size,
        "workers": config.workers,
        "accelerator": config.accelerator,
        "precision": config.precision,
    }
    given |= {"label_name": config.data.label_name, "label_column": config.data.label_column}
    metrics, about = evaluate_adapter(config.folder, **given)
    figures = metrics.as_dict()
    if flags["json"]:
        print(json.dumps({**figures, **about}, ensure_ascii=False))
    elif "confusion_matrix" in figures:
        print(metrics_table(figures, f"accuracy {_where(about)}"))
        print("\nconfusion matrix: rows are true classes, columns predicted ones")
        print(confusion_table(figures))
    else:
        print(part_table(figures, f"parts, every point labelled, {_where(about)}"))
    report_of_evaluation(config.folder, flags, arguments, given, {**figures, **about})
    return 0


def _where(about: dict[str, Any]) -> str:
    votes = f", {about['votes']} votes" if about["votes"] > 1 else ""
    where = f"on {about['data']} ({about['split']}), {about['num_points']} points{votes}"
    return f"{where}; {describe_selection(about['selected_on'])}" if about["selected_on"] else where
