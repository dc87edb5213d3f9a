"""Heads that are fitted to frozen features of two scales and three levels, on training clouds of LDraw parts.

    python scripts/compare_heads.py --ldraw ldraw_classify.npz

So many labels a class are drawn from the training split, four times, and all its other clouds are measured; `all`
learns from four fifths and measures the rest, in two folds. The test split isn't opened. Each cloud has four augmented
copies, and the penalty of linear heads is fixed. Accuracy in %: means over the draws.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from probe_blocks import augmented
from torch import Tensor

from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.create import create_model
from pointlora.models.paired_head import DROPOUT, HIDDEN
from pointlora.models.pretrained import locate_weights
from pointlora.models.readout import POOLINGS, feature_levels
from pointlora.models.registry import get_family
from pointlora.reports.tables import markdown_table
from pointlora.training.hidden_fitting import fit_hidden
from pointlora.training.logistic_regression import FIXED_PENALTY, Rows, fit_rows, joined

NAME, POINTS, SCALES, COPIES = "point_mae_tiny", 1024, 2, 4
COUNTS = (5, 10, 20)
DRAWS, FOLDS = 4, 2
BATCH = 128
HEADS = {
    "linear, max and mean": (("linear",), ("max", "mean")),
    "linear, class token, max and mean": (("linear",), POOLINGS),
    "linear, class token and max": (("linear",), ("class_token", "max")),
    "hidden, class token and max": (("hidden",), ("class_token", "max")),
    "paired, class token and max": (("linear", "hidden"), ("class_token", "max")),
}


@torch.no_grad()
def features(weights: str, clouds: np.ndarray) -> Tensor:
    """(1 + COPIES, n, levels of all scales, poolings, C): of the clouds as they are, and of augmented copies."""
    levels = feature_levels(get_family(NAME).sizes.depth)
    model: Any = create_model(NAME, head="linear", levels=levels, pooling=POOLINGS, scales=SCALES)
    load_checkpoint(model, locate_weights(weights, NAME), head=False)
    model.eval()
    rows = []
    for copy in range(1 + COPIES):
        points = torch.from_numpy(clouds if copy == 0 else augmented(clouds, copy))
        parts = [model.read(part, model.encode(part, model.levels)) for part in points.split(BATCH)]
        rows.append(torch.cat(parts))
    return torch.stack(rows).unflatten(2, (SCALES * len(levels), len(POOLINGS), -1))


def splits(labels: np.ndarray) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """For each number of labels the clouds to learn from and those to measure."""
    orders = [np.random.default_rng([seed, 7]).permutation(len(labels)) for seed in range(DRAWS)]
    found = {}
    for count in COUNTS:
        drawn = [np.concatenate([o[labels[o] == each][:count] for each in np.unique(labels)]) for o in orders]
        found[f"{count} a class"] = [(one, np.setdiff1d(orders[0], one)) for one in drawn]
    found["all"] = [(np.sort(np.delete(orders[0], np.s_[fold::5])), orders[0][fold::5]) for fold in range(FOLDS)]
    return {name: [(torch.from_numpy(a), torch.from_numpy(b)) for a, b in pairs] for name, pairs in found.items()}


def logits(parts: tuple[str, ...], copies: list[Rows], tested: Tensor, seed: int) -> Tensor:
    """(m, classes), the mean over the parts of a head."""
    classes, found = int(copies[0].labels.max()) + 1, torch.zeros(())
    if "linear" in parts:
        fit = fit_rows(joined(copies), classes, [FIXED_PENALTY])[0]
        found = found + tested @ fit.weight.T + fit.bias
    if "hidden" in parts:
        enter, leave = fit_hidden(copies, classes, HIDDEN, DROPOUT, seed)
        found = found + (tested @ enter.weight.T + enter.bias).relu() @ leave.weight.T + leave.bias
    return found / len(parts)


def accuracy(found: Tensor, labels: Tensor) -> float:
    """In %."""
    return 100 * float((found.argmax(1) == labels).double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ldraw", required=True, help="an .npz data set")
    parser.add_argument("--weights", default=f"{NAME}@2", help=f"of {NAME}: a version, or a file")
    arguments = parser.parse_args()
    with np.load(arguments.ldraw) as content:
        learned = ~content["is_test"].astype(bool)
        clouds = content["points"][learned, :POINTS].astype(np.float32)
        labels = torch.from_numpy(content["labels"][learned].astype(np.int64))
    known, divided = features(arguments.weights, clouds), splits(labels.numpy())
    rows: list[list[object]] = []
    for name, (parts, pooling) in HEADS.items():
        read = known[..., [POOLINGS.index(each) for each in pooling], :].flatten(2)
        means = []
        for pairs in divided.values():
            figures = []
            for seed, (chosen, others) in enumerate(pairs):
                copies = [Rows(copy[chosen], labels[chosen], chosen) for copy in read]
                figures.append(accuracy(logits(parts, copies, read[0, others], seed), labels[others]))
            means.append(f"{np.mean(figures):.1f}")
        rows.append([name, *means])
        print(" | ".join(map(str, rows[-1])), flush=True)
    print(markdown_table(["head", *divided], rows))


if __name__ == "__main__":
    main()
