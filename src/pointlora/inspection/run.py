"""What a run's folder or a recipe holds."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from pointlora.errors import ConfigError, DataError
from pointlora.recipes.label_counts import LABELS_FOLDER
from pointlora.recipes.protocols import OUT_OF_FOLD
from pointlora.recipes.runs import CRITERIA


def is_run(folder: Path) -> bool:
    """Whether `pointlora train` or `pointlora pretrain` wrote this folder."""
    return (folder / "config.yaml").is_file() and (folder / "checkpoints").is_dir()


def describe_run(folder: Path) -> dict[str, Any]:
    """How far a run got, and its figures.

    Raises:
        ConfigError, DataError: if a file of it is damaged.
    """
    recipe = describe_recipe(folder / "config.yaml")
    described: dict[str, Any] = {"kind": f"run of {recipe['command']}", "folder": str(folder)}
    results = folder / "results.json"
    described["finished"] = results.is_file()
    described |= {key: recipe[key] for key in ("task", "model", "method", "data", "features") if key in recipe}
    described |= {"precision": recipe["precision"], "epochs": recipe["epochs"]}
    described["epochs_done"] = _epochs_done(folder / "metrics.csv")
    if results.is_file():
        found = _read_json(results)
        wanted = (
            "accuracy",
            "class_mean_accuracy",
            "instance_miou",
            "class_miou",
            "measured_on",
            "selected_on",
            "best_epoch",
            "gain",
            "gain_error",
            *OUT_OF_FOLD,
            "train_loss",
            "seconds",
        )
        described |= {key: found[key] for key in wanted if key in found}
    if (folder / "adapter").is_dir():
        described["adapter"] = str(folder / "adapter")
    if (folder / "model.safetensors").is_file():
        described["weights"] = str(folder / "model.safetensors")
    return described


def is_comparison(folder: Path) -> bool:
    """Whether `pointlora compare` wrote this folder."""
    return (folder / "comparison.yaml").is_file()


def describe_comparison(folder: Path) -> dict[str, Any]:
    """The methods of a comparison, and how many of its runs are finished.

    Raises:
        ConfigError, DataError: if a file of it is damaged.
    """
    recipe = describe_recipe(folder / "comparison.yaml")
    described: dict[str, Any] = {"kind": "comparison", "folder": str(folder)}
    table = folder / "comparison.json"
    described["finished"] = table.is_file()
    wanted = ("task", "model", "data", "methods", "seeds", "labels_per_class", "epochs")
    described |= {key: recipe[key] for key in wanted if key in recipe}
    patterns = ("*/seed_*/results.json", f"*/{LABELS_FOLDER}*/seed_*/results.json")
    described["runs_done"] = sum(len(list(folder.glob(pattern))) for pattern in patterns)
    if table.is_file():
        try:
            rows = json.loads(table.read_text(encoding="utf-8"))["methods"]
            figure = CRITERIA[recipe["task"]][0]
            described[figure] = {_row_name(row): row[f"{figure}_mean"] for row in rows}
        except (ValueError, LookupError, TypeError) as error:
            raise DataError(f"{table}: is damaged, it isn't the table of a comparison") from error
    return described


def _row_name(row: dict[str, Any]) -> str:
    labels = row.get("labels_per_class")
    return str(row["label"]) if labels is None else f"{row['label']}, labels {labels}"


def is_fewshot_folder(folder: Path) -> bool:
    """Whether `pointlora fewshot` wrote this folder."""
    return (folder / "config.yaml").is_file() and (folder / "fold_00").is_dir()


def describe_fewshot(folder: Path) -> dict[str, Any]:
    """How many folds are finished, and the figures once all are.

    Raises:
        ConfigError, DataError: if a file of it is damaged.
    """
    recipe = describe_recipe(folder / "config.yaml")
    described: dict[str, Any] = {"kind": f"run of {recipe['command']}", "folder": str(folder)}
    described |= {key: recipe[key] for key in ("model", "method", "data", "ways", "shots", "folds") if key in recipe}
    described["folds_finished"] = len(list(folder.glob("fold_*/results.json")))
    figures = folder / "fewshot.json"
    if figures.is_file():
        found = _read_json(figures)
        described |= {key: found.get(key) for key in ("accuracy_mean", "accuracy_std", "selected_on")}
    return described


def describe_recipe(path: Path) -> dict[str, Any]:
    """The gist of a recipe's file.

    Raises:
        ConfigError: if it isn't YAML, or no recipe of this library.
    """
    from pointlora.methods.table import PRESETS
    from pointlora.recipes.comparison import CompareRecipe
    from pointlora.recipes.fewshot import FewShotRecipe, is_fewshot
    from pointlora.recipes.files import from_mapping, read_mapping
    from pointlora.recipes.pretraining import PretrainRecipe
    from pointlora.recipes.runs import TrainRecipe

    mapping = read_mapping(path)
    # Plugins are code: what they bring is shown by its name, and not run.
    plugins, method = mapping.pop("plugins", None), (mapping.get("method") or {})
    foreign = bool(plugins) and isinstance(method, dict) and method.get("name") not in PRESETS
    if foreign:
        del mapping["method"]
    # What all recipes have is not enough to tell them apart; these only one of them has.
    if "methods" in mapping:
        command = "compare"
    elif "mask_ratio" in mapping or "samples_per_epoch" in (mapping.get("training") or {}):
        command = "pretrain"
    else:
        command = "fewshot" if is_fewshot(mapping) else "train"
    kinds = {"train": TrainRecipe, "pretrain": PretrainRecipe, "fewshot": FewShotRecipe, "compare": CompareRecipe}
    kind: Any = kinds[command]
    try:
        recipe = from_mapping(kind, mapping)
    except ConfigError as error:
        raise ConfigError(f"{path} isn't a recipe that pointlora can run: {error}") from error
    described: dict[str, Any] = {"kind": "recipe", "file": str(path), "command": f"pointlora {command}"}
    if command in ("train", "compare"):
        described["task"] = recipe.task
    described["model"] = recipe.model.name
    if command in ("train", "fewshot"):
        described["method"] = method["name"] if foreign else recipe.method["name"]
    if command == "compare":
        described |= {"methods": list(recipe.methods), "seeds": recipe.seeds}
        described |= {"labels_per_class": recipe.labels_per_class} if recipe.labels_per_class else {}
    if command == "fewshot":
        described |= {key: getattr(recipe, key) for key in ("ways", "shots", "folds")}
    described["data"] = recipe.data.name
    if recipe.data.features:
        described["features"] = recipe.data.features
    described |= {"precision": recipe.training.precision}
    described |= {"epochs": recipe.training.epochs, "output": recipe.output}
    if plugins:
        described["plugins"] = plugins
    return described


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is damaged, it isn't JSON") from error
    return found


def _epochs_done(path: Path) -> int:
    if not path.is_file():
        return 0
    with open(path, encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))
