"""What the blocks of a backbone know: logistic regression on the frozen features of each, at several numbers of labels.

    python scripts/probe_blocks.py pretrained --ldraw ldraw_classify.npz
    python scripts/probe_blocks.py runs/point_mae_tiny_pretrained/model.safetensors --ldraw ldraw_classify.npz --scans

Rows are features: [class token, max] and [max, mean] of each block, and [max, mean] of three levels together with two
augmented copies. Columns are numbers of labels a class. The penalty is the same everywhere: none is chosen on what is
measured. That is a fifth of the training clouds; with --test all of them train and the test clouds are measured, once,
when everything has been chosen. With --folds every training cloud of LDraw is measured: five folds with all labels, and
what each of eight draws of 10 labels a class leaves, for standard errors of a point. Accuracy in %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pointlora.data.augmentations import augment
from pointlora.data.ranges import AugmentationRanges
from pointlora.data.sampling import sample_generator
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.create import create_model
from pointlora.models.pretrained import locate_weights
from pointlora.models.readout import feature_levels
from pointlora.procedural import CATEGORIES, scan
from pointlora.training.logistic_regression import FIXED_PENALTY, Rows, fit_rows, joined

DRAWS = 3
DRAWS_WITH_FOLDS = 8
FOLDS = 5
COPIES = 2


class Labelled(NamedTuple):
    """Clouds (n, N, 3) and their classes (n,)."""

    points: np.ndarray
    labels: np.ndarray


def together(first: Labelled, second: Labelled) -> Labelled:
    """The clouds of both, one behind the other."""
    return Labelled(*(np.concatenate(parts) for parts in zip(first, second, strict=True)))


def ldraw(file: str, points: int, test: bool) -> tuple[Labelled, Labelled]:
    """Clouds to learn from and to measure, from an .npz data set; without `test` both from its training part."""
    with np.load(file) as content:
        held = content["is_test"].astype(bool)
        clouds, labels = content["points"][:, :points].astype(np.float32), content["labels"].astype(np.int64)
    if not test:
        clouds, labels = clouds[~held], labels[~held]
        held = np.zeros(len(labels), bool)
        held[np.random.default_rng(0).permutation(len(labels))[: len(labels) // 5]] = True
    return Labelled(clouds[~held], labels[~held]), Labelled(clouds[held], labels[held])


def scans(points: int, test: bool) -> tuple[Labelled, Labelled]:
    """Procedural scans of every category: 5 a category to learn from, 20 to measure."""
    first = 3_000_000 if test else 2_000_000
    sets = []
    for start, count in ((first, 5), (first + 100, 20)):
        keys = [(label, start + number) for label in range(len(CATEGORIES)) for number in range(count)]
        clouds = np.stack([scan(label, seed, points).points for label, seed in keys])
        sets.append(Labelled(clouds, np.array([label for label, _ in keys])))
    return sets[0], sets[1]


@torch.no_grad()
def block_features(model: Any, clouds: np.ndarray, batch: int = 256) -> Tensor:
    """(depth, n, 3 C): class token, max and mean of what leaves each block, on the model's device."""
    device, depth = next(model.parameters()).device, len(model.blocks)
    parts = []
    for begin in range(0, len(clouds), batch):
        sequences = model.encode(torch.from_numpy(clouds[begin : begin + batch]).to(device), tuple(range(depth)))
        rows = [torch.cat([s.prefix[:, -1], s.patches.amax(1), s.patches.mean(1)], 1).float() for s in sequences]
        parts.append(torch.stack(rows))
    return torch.cat(parts, 1)


def augmented(clouds: np.ndarray, copy: int) -> np.ndarray:
    """Scaled and shifted as in fine-tuning."""
    generators = [sample_generator(0, copy, number, "probe") for number in range(len(clouds))]
    return augment(clouds, ["scale_translate"], AugmentationRanges(), lambda purpose: generators)


def readouts(depth: int, width: int, brief: bool) -> Iterator[tuple[str, list[tuple[int, slice]]]]:
    """Name, and (block, columns) of each set of features; `brief` leaves out the blocks in between."""
    for block in (0, depth - 1) if brief else range(depth):
        yield f"block {block} [class, max]", [(block, slice(0, 2 * width))]
        yield f"block {block} [max, mean]", [(block, slice(width, 3 * width))]
    yield "three levels [max, mean], copies", [(block, slice(width, 3 * width)) for block in feature_levels(depth)]


def accuracy(learned: Rows, tested: Tensor, labels: Tensor, classes: int) -> float:
    """Share of right answers in % on features (m, D) that were not learned from."""
    (fit,) = fit_rows(learned, classes, [FIXED_PENALTY])
    return 100 * float(((tested @ fit.weight.T + fit.bias).argmax(1) == labels).float().mean())


def draw(labels: np.ndarray, count: int | None, seed: int) -> np.ndarray:
    """Places of `count` clouds a class, of all without one."""
    order = np.random.default_rng([seed, 7]).permutation(len(labels))
    if count is None:
        return order
    return np.concatenate([order[labels[order] == label][:count] for label in np.unique(labels)])


class Split(NamedTuple):
    """Places of the clouds to learn from and of those to measure."""

    learned: np.ndarray
    measured: np.ndarray


def held_out(train: Labelled, held: Labelled, counts: list[int | None]) -> dict[str, list[Split]]:
    """By number of labels a class: draws from the clouds to learn from, which come first; the others are measured."""
    measured = len(train.labels) + np.arange(len(held.labels))
    draws = {count: 1 if count is None else DRAWS for count in counts}
    return {
        _column(count): [Split(draw(train.labels, count, seed), measured) for seed in range(number)]
        for count, number in draws.items()
    }


def in_turns(labels: np.ndarray) -> dict[str, list[Split]]:
    """Eight draws of 10 labels a class and five folds of all: whatever isn't learned from is measured."""
    order = draw(labels, None, 0)
    learned = {
        _column(10): [draw(labels, 10, seed) for seed in range(DRAWS_WITH_FOLDS)],
        _column(None): [np.delete(order, np.s_[number::FOLDS]) for number in range(FOLDS)],
    }
    return {column: [Split(each, np.setdiff1d(order, each)) for each in draws] for column, draws in learned.items()}


def _column(count: int | None) -> str:
    return "all" if count is None else str(count)


def probe(model: Any, clouds: Labelled, splits: dict[str, list[Split]], brief: bool) -> dict[str, dict[str, float]]:
    """Accuracy by features and number of labels a class, the mean over the splits."""
    device, width = next(model.parameters()).device, model.sizes.embed_dim
    labels = torch.from_numpy(clouds.labels).to(device)
    # Copies are learned from alone.
    learnable = 1 + max(int(split.learned.max()) for draws in splits.values() for split in draws)
    plain = block_features(model, clouds.points)
    copies = [block_features(model, augmented(clouds.points[:learnable], 1 + number)) for number in range(COPIES)]
    table: dict[str, dict[str, float]] = {}
    for name, places in readouts(len(model.blocks), width, brief):
        sources = [plain, *copies] if "copies" in name else [plain]
        read = [torch.cat([each[block][:, columns] for block, columns in places], 1) for each in sources]
        for column, draws in splits.items():
            found = []
            for split in draws:
                chosen, tested = (torch.from_numpy(part).to(device) for part in split)
                rows = joined([Rows(each[chosen], labels[chosen], chosen) for each in read])
                found.append(accuracy(rows, read[0][tested], labels[tested], int(labels.max()) + 1))
            table.setdefault(name, {})[column] = round(sum(found) / len(found), 2)
    return table


def probe_weights(
    weights: str, name: str, file: str | None, with_scans: bool, test: bool, brief: bool, folds: bool
) -> dict[str, Any]:
    """All tables of one set of weights."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = create_model(name, num_classes=2)
    load_checkpoint(model, locate_weights(weights, name), head=False)
    model.to(device).eval()
    tables: dict[str, Any] = {}
    if file:
        train, held = ldraw(file, 1024, test)
        clouds = together(train, held)
        counts = [10, None] if brief else [5, 10, None]
        splits = in_turns(clouds.labels) if folds else held_out(train, held, counts)
        tables["ldraw"] = probe(model, clouds, splits, brief)
    if with_scans:
        train, held = scans(1024, test)
        tables["scans"] = probe(model, together(train, held), held_out(train, held, [None]), brief)
    return tables


def show(tables: dict[str, Any]) -> None:
    """Print them."""
    for data, table in tables.items():
        columns = list(next(iter(table.values())))
        print(f"{data:<36}" + "".join(f"{column:>8}" for column in columns))
        for name, row in table.items():
            print(f"{name:<36}" + "".join(f"{row[column]:8.2f}" for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="pretrained, point_mae_tiny@1, or a file")
    parser.add_argument("--model", default="point_mae_tiny")
    parser.add_argument("--ldraw", help="an .npz data set")
    parser.add_argument("--scans", action="store_true")
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--brief", action="store_true", help="the first and the last block alone")
    parser.add_argument("--folds", action="store_true", help="measure every training cloud, in turns")
    parser.add_argument("--json", help="also write the tables here")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.folds and (arguments.test or not arguments.ldraw):
        parser.error("--folds measures training clouds of --ldraw: give that, and leave out --test")
    options = arguments.scans, arguments.test, arguments.brief, arguments.folds
    tables = probe_weights(arguments.weights, arguments.model, arguments.ldraw, *options)
    show(tables)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(tables, file)


if __name__ == "__main__":
    main()
