"""`pointlora evaluate`: measure an adapter on a data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pointlora.cli.parsing import parse_recipe
from pointlora.errors import ConfigError
from pointlora.training.recipe_checks import check_choice, check_integer


@dataclass
class EvaluationData:
    """What to measure on; what isn't given is as in the adapter's training.

    Args:
        name: scanobjectnn, modelnet40, folder, npz, shards or procedural.
        root: folder (or file) that holds it.
        options: the data set's own options; they replace those of the training when name is given.
        cache: auto, off, or a folder, as in training.
        split: train, test, or another that the data set has.
        num_points: points a cloud that the model sees.
    """

    name: str | None = None
    root: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    cache: str = "auto"
    split: str = "test"
    num_points: int | None = None

    def __post_init__(self) -> None:
        if self.num_points is not None:
            check_integer("data.num_points", self.num_points, 1, 10**7)


@dataclass
class EvaluateConfig:
    """Overall and class-mean accuracy of an adapter, a table by class and the confusion matrix.

    Args:
        adapter: folder of an adapter, or of a run that has one.
        base: file with the backbone's weights; by default the one that the adapter names.
        data: what to measure on.
        votes: average the class probabilities over so many random subsets and augmentations of each cloud.
        seed: of the votes.
        batch_size: clouds at a time.
        workers: processes that load data.
        accelerator: auto, cpu or cuda.
    """

    adapter: str | None = None
    base: str | None = None
    data: EvaluationData = field(default_factory=EvaluationData)
    votes: int = 1
    seed: int = 0
    batch_size: int = 32
    workers: int = 0
    accelerator: str = "auto"

    def __post_init__(self) -> None:
        check_integer("votes", self.votes, 1, 10**4)
        check_integer("seed", self.seed, 0, 2**32 - 1)
        check_integer("batch_size", self.batch_size, 1)
        check_integer("workers", self.workers, 0, 256)
        check_choice("accelerator", self.accelerator, ("auto", "cpu", "cuda"))

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


FLAGS = {"json": "print everything as JSON, the confusion matrix included"}


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    config, flags = parse_recipe(EvaluateConfig, arguments, "evaluate", FLAGS)
    folder = config.folder
    from pointlora.training.evaluate_adapter import confusion_table, evaluate_adapter
    from pointlora.training.metrics import metrics_table
    from pointlora.training.protocols import describe_selection

    metrics, about = evaluate_adapter(
        folder,
        base=config.base,
        data_name=config.data.name,
        root=config.data.root,
        options=config.data.options,
        cache=config.data.cache,
        split=config.data.split,
        num_points=config.data.num_points,
        votes=config.votes,
        seed=config.seed,
        batch_size=config.batch_size,
        workers=config.workers,
        accelerator=config.accelerator,
    )
    if flags["json"]:
        print(json.dumps({**metrics.as_dict(), **about}, ensure_ascii=False))
    else:
        votes = f", {about['votes']} votes" if about["votes"] > 1 else ""
        chosen = about["selected_on"]
        caption = f"accuracy on {about['data']} ({about['split']}), {about['num_points']} points{votes}"
        print(metrics_table(metrics, f"{caption}; {describe_selection(chosen)}" if chosen else caption))
        print("\nconfusion matrix: rows are true classes, columns predicted ones")
        print(confusion_table(metrics))
    return 0
