"""A run's folder: whether it may be used, whether a run in it goes on, and what is in it.

config.yaml            the recipe with every setting written out
metrics.csv            a row an epoch
checkpoints/last.ckpt  what an unfinished run resumes from
adapter/               the best epoch (fine-tuning)
model.safetensors      the weights (pre-training)
out_of_fold.csv        what a model that had not seen it took each training cloud for (protocol k_fold)
fold_0/ and so on      the run that held out this fold
held_out.safetensors   in these, what was found of each held-out cloud after each epoch
results.json           written last: a folder that has it holds a finished run
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pointlora.atomic import is_leftover, write_text_atomically
from pointlora.errors import ConfigError
from pointlora.models.pretrained import recorded_source
from pointlora.recipes.files import flatten, from_mapping, read_mapping, to_mapping, write_yaml

# Settings that don't change the result: a run may be moved, and resumed with different workers or logs.
FREE_TO_CHANGE = (
    "output",
    "plugins",
    "data.cache",
    "training.workers",
    "training.gradient_checkpointing",
    "training.tensorboard",
    "training.checkpoint_every_steps",
)


# A row a training cloud (protocol k_fold).
OUT_OF_FOLD = "out_of_fold.csv"


class RunFolder:
    """The folder of one run.

    Args:
        recipe: with `output`, the folder's path.
    """

    free_to_change: tuple[str, ...] = FREE_TO_CHANGE
    may_be_longer = True

    def __init__(self, recipe: Any) -> None:
        self.recipe = recipe
        self.path = Path(recipe.output)
        self.config = self.path / "config.yaml"
        self.metrics = self.path / "metrics.csv"
        self.results = self.path / "results.json"
        self.last = self.path / "checkpoints" / "last.ckpt"
        self.adapter = self.path / "adapter"
        self.held_out = self.path / "held_out.safetensors"
        self.weights = self.path / "model.safetensors"

    def check(self, resume: bool = False) -> bool:
        """Whether an unfinished run goes on here; changes nothing.

        Args:
            resume: fail unless there is one.

        Raises:
            ConfigError: if the folder holds a finished run, a run of a different recipe, or unrelated files.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path} is a file: choose another --output")
        if self.results.exists() and not (self.last.exists() and self._more_epochs()):
            fix = "raise training.epochs to go on, choose another --output, or delete it"
            raise ConfigError(f"{self.path} holds a finished run: {fix}")
        if self.config.exists():
            if self._more_epochs():
                self._compare("a run", "let it go on", (*self.free_to_change, "training.epochs"))
            else:
                self._check_same_recipe()
            return True
        if resume:
            raise ConfigError(f"{self.path} holds no run to resume")
        if self.path.is_dir() and not all(map(is_leftover, self.path.iterdir())):
            raise ConfigError(f"{self.path} is not empty and holds no run: choose another --output")
        return False

    def finished(self) -> dict[str, Any] | None:
        """What results.json holds if a run of this recipe is finished here; None if it isn't.

        Raises:
            ConfigError: if the run that is finished here had other settings, or its results.json is damaged.
        """
        if not self.results.is_file():
            return None
        self._check_same_recipe("a finished run", "keep it")
        try:
            found: dict[str, Any] = json.loads(self.results.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"{self.results} is damaged: delete {self.path} to run it again") from error
        return found

    def create(self) -> None:
        """Make the folder with its config.yaml."""
        # config.yaml first: a run that is killed before it is there leaves an empty folder, which can be used again.
        self.path.mkdir(parents=True, exist_ok=True)
        longer = self._more_epochs()
        if longer:
            self.results.unlink(missing_ok=True)  # from here on the run is unfinished, whenever it is killed
        if longer or not self.config.exists():
            write_text_atomically(self.config, write_yaml(to_mapping(self.recipe)))
        self.last.parent.mkdir(exist_ok=True)

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """metrics.csv, a row an epoch; rewritten whole, so that a resumed run leaves no row twice."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text_atomically(self.metrics, text.getvalue())

    def write_results(self, results: Mapping[str, Any]) -> None:
        """results.json, which marks the run as finished."""
        write_text_atomically(self.results, json.dumps(results, indent=2, ensure_ascii=False) + "\n")

    def _more_epochs(self) -> bool:
        """Whether the recipe has more epochs than the run that is here, which then goes on."""
        if not self.may_be_longer:
            return False
        before = read_mapping(self.config).get("training") if self.config.exists() else None
        epochs = before.get("epochs") if isinstance(before, dict) else None
        return isinstance(epochs, int) and self.recipe.training.epochs > epochs

    def _check_same_recipe(self, what: str = "an unfinished run", fix: str = "resume it") -> None:
        self._compare(what, fix, self.free_to_change)

    def _compare(self, what: str, fix: str, free: tuple[str, ...]) -> None:
        """Refuse a recipe that differs from that of the run that is here in what isn't `free`."""
        found = with_recorded_weights(read_mapping(self.config))
        found.pop("plugins", None)  # they may have moved; those of our recipe are loaded
        before = from_mapping(type(self.recipe), found, f"{self.config}: ")
        for key, old, new in recipe_changes(to_mapping(before), to_mapping(self.recipe), free):
            raise ConfigError(
                f"{self.path} holds {what} with {key} = {old!r}, not {new!r}: "
                f"use the same settings to {fix}, or choose another --output"
            )


def recipe_changes(
    before: Mapping[str, Any], now: Mapping[str, Any], free: Sequence[str] = FREE_TO_CHANGE
) -> Iterator[tuple[str, Any, Any]]:
    """Settings (dotted name, old value, new value) that differ between two recipes and aren't free to change.

    The precision `auto` is whichever there was before.
    """
    old, new = flatten(before), flatten(now)
    for key in dict.fromkeys([*old, *new]):
        same = old.get(key) == new.get(key) or (key, new.get(key)) == ("training.precision", "auto")
        if key not in free and not same:
            yield key, old.get(key), new.get(key)


def with_recorded_weights(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were read from a file, `pretrained` replaced by the version of the weights that it meant."""
    model = settings.get("model")
    if not isinstance(model, Mapping):
        return dict(settings)
    source = recorded_source(model.get("checkpoint"), str(model.get("name")))
    return {**settings, "model": {**model, "checkpoint": source}}


def recorded_weights(config: Path) -> str | None:
    """`model.checkpoint` of the run that has left this file of settings, see `with_recorded_weights`; None without one.

    Raises:
        ConfigError: if it is damaged.
    """
    if not config.is_file():
        return None
    model = with_recorded_weights(read_mapping(config)).get("model")
    found = model.get("checkpoint") if isinstance(model, dict) else None
    return found if isinstance(found, str) else None


def recorded_precision(config: Path) -> str | None:
    """The precision in the file of settings that a run has left; None where there is none.

    Raises:
        ConfigError: if it is damaged.
    """
    if not config.is_file():
        return None
    training = read_mapping(config).get("training")
    found = str(training.get("precision")) if isinstance(training, dict) else None
    return found if found in ("32", "bf16") else None
