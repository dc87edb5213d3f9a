"""What a page shows of a classifier's clouds: gallery, map, calibration, neighbours, explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pointlora.data.datasets import PointCloudDataset
from pointlora.reporting.choosing import MOST_MAPPED, choose_balanced, choose_shown, spread_evenly
from pointlora.reporting.explaining import can_explain, explain
from pointlora.reporting.features import directions_of, nearest, principal_plane
from pointlora.reporting.looking import Looks, is_large, look
from pointlora.reporting.showing import MOST_POINTS, MOST_POINTS_BESIDE, Shown, own_colors, show
from pointlora.reporting.subject import Subject, bounded
from pointlora.reports.calibration import CalibrationCounts
from pointlora.reports.page.content import Cloud, EmbeddingMap, Explanation, Neighbor, Scale

# Training clouds among which neighbours are looked for.
MOST_TRAINING, MOST_TRAINING_OF_LARGE = 200, 80
NEIGHBORS = 3
MOST_PROBABILITIES = 5
_TINY = 1e-12


def classifier_sections(
    subject: Subject, figures: Mapping[str, Any], probabilities: NDArray[np.float64] | None = None
) -> dict[str, Any]:
    """Fields of `Report` that need the clouds.

    Args:
        subject: the classifier and its clouds, with or without labels.
        figures: what results.json holds; empty for clouds without labels.
        probabilities: (n, C) of the measured clouds where they were found in another way (by votes) than by looking.
    """
    dataset, notes = bounded(subject.measured), []
    if len(dataset) < len(subject.measured):
        notes.append(f"Of {len(subject.measured):,} clouds {len(dataset):,} evenly spread ones were looked at.")
        probabilities = None
    looks = look(subject.model, subject.batches(dataset))
    if looks is None:
        return {}
    found = looks.probabilities if probabilities is None else probabilities
    truth = dataset.labels if dataset.labelled else None
    predicted, surprise = found.argmax(1), surprises(found, truth)
    calibration = None
    if truth is not None:
        notes += _differences(figures, truth, predicted, whole=len(dataset) == len(subject.measured))
        counts = CalibrationCounts()
        counts.add(found.max(1), predicted == truth)
        calibration = counts.result("clouds")
    order = choose_shown(surprise, predicted, truth)
    training = TrainingClouds(subject, looks, order)
    notes += _missing(looks)
    clouds = []
    for rank, index in enumerate(order):
        shown, seen = show_cloud(subject, dataset, int(index), MOST_POINTS)
        explained = rank < subject.options.explain and can_explain(subject.model)
        clouds.append(
            Cloud(
                name=subject.name(dataset.sources[index]),
                points=shown.points,
                true=None if truth is None else int(truth[index]),
                predicted=int(predicted[index]),
                probabilities=best_classes(found[index], None if truth is None else int(truth[index])),
                surprise=float(surprise[index]),
                wrong=None if truth is None else bool(truth[index] != predicted[index]),
                colors=shown.colors,
                **details(subject.model, looks, int(index), shown),
                explanation=explanation_of(subject, seen) if explained else None,
                neighbors=training.neighbors(rank),
            )
        )
    return {
        "clouds": clouds,
        "clouds_measured": len(subject.measured),
        "calibration": calibration,
        "training": training.clouds,
        "embedding": map_of_features(subject, dataset, looks.features, order, predicted, truth),
        "notes": notes,
    }


def surprises(probabilities: NDArray[np.float64], truth: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """(n,) -log of the true class's probability; without truth the entropy, in nats."""
    logarithms = np.log(probabilities.clip(_TINY))
    if truth is None:
        return -(probabilities * logarithms).sum(1)
    return -logarithms[np.arange(len(truth)), truth]


def best_classes(probabilities: NDArray[np.float64], true: int | None) -> list[tuple[int, float]]:
    """The most probable classes, and the true one in any case."""
    order = np.argsort(-probabilities, kind="stable")[:MOST_PROBABILITIES].tolist()
    if true is not None and true not in order:
        order.append(true)
    return [(label, float(probabilities[label])) for label in order]


def show_cloud(
    subject: Subject, dataset: PointCloudDataset, index: int, most: int
) -> tuple[Shown, NDArray[np.float32]]:
    """A cloud for the page, and as the model sees it."""
    colors = own_colors(dataset, index, subject.transform) if most == MOST_POINTS else None
    return show(dataset.cloud(index), subject.transform, most, colors)


def details(model: Any, looks: Looks, index: int, shown: Shown) -> dict[str, Any]:
    """Patches, attention and selected tokens of a cloud."""
    names = scale_names(model, len(looks.selected))
    return {
        "centers": None if looks.centers is None else shown.place(looks.centers[index]),
        "attention": None if looks.attention is None else looks.attention[index].astype(np.float32),
        "selected": [
            Scale(name, shown.place(centers[index])) for name, centers in zip(names, looks.selected, strict=True)
        ],
    }


def scale_names(model: Any, count: int) -> list[str]:
    """What the scales of a selection are called."""
    scales = getattr(getattr(model, "method", None), "selection", None) or ()
    if len(scales) != count:
        return [f"scale {number + 1}" for number in range(count)]
    return [f"the best {scale.keep} of {scale.num_groups} patches of {scale.group_size} points" for scale in scales]


def explanation_of(subject: Subject, seen: NDArray[np.float32]) -> Explanation:
    """Which patches move the decision about a prepared cloud (1, N, 3 + F)."""
    model: Any = subject.model
    return Explanation(*explain(model, torch.from_numpy(seen)))


class TrainingClouds:
    """The training clouds nearest to those that are shown.

    Attributes:
        clouds: those that are a neighbour of one.
    """

    def __init__(self, subject: Subject, looks: Looks, shown: Sequence[int] | NDArray[np.int64]) -> None:
        self.clouds: list[Cloud] = []
        self._rows: list[list[Neighbor]] = []
        if subject.training is None or looks.features is None or not len(shown):
            return
        most = MOST_TRAINING_OF_LARGE if is_large(subject.model) else MOST_TRAINING
        chosen = choose_balanced(subject.training.labels, most)
        dataset = subject.training.subset(chosen)
        theirs = look(subject.model, subject.batches(dataset))
        assert theirs is not None
        assert theirs.features is not None
        origin = theirs.features.mean(0)
        own = directions_of(looks.features[np.asarray(shown)], origin)
        places, distances = nearest(own, directions_of(theirs.features, origin), NEIGHBORS)
        used = np.unique(places)
        position = {int(place): number for number, place in enumerate(used)}
        self._rows = [
            [Neighbor(position[int(place)], float(distance)) for place, distance in zip(row, far, strict=True)]
            for row, far in zip(places, distances, strict=True)
        ]
        predicted = theirs.probabilities.argmax(1)
        for place in used:
            points, _ = show_cloud(subject, dataset, int(place), MOST_POINTS_BESIDE)
            label = int(dataset.labels[place])
            name = subject.name(dataset.sources[int(place)])
            self.clouds.append(Cloud(name, points.points, label, int(predicted[place])))

    def neighbors(self, rank: int) -> list[Neighbor]:
        """Those of the shown cloud of that rank, the nearest first."""
        return self._rows[rank] if self._rows else []


def map_of_features(
    subject: Subject,
    dataset: PointCloudDataset,
    features: NDArray[np.float32] | None,
    shown: NDArray[np.int64],
    predicted: NDArray[np.int64],
    truth: NDArray[np.int64] | None,
) -> EmbeddingMap | None:
    """The clouds that are shown, and evenly spread others, by their features; None without these, or for one cloud."""
    if features is None or len(dataset) < 2:
        return None
    others = np.setdiff1d(np.arange(len(dataset)), shown)
    mapped = np.sort(np.concatenate([shown, others[spread_evenly(len(others), MOST_MAPPED - len(shown))]]))
    plane, shares = principal_plane(features[mapped])
    place = np.full(len(dataset), -1, dtype=np.int64)
    place[shown] = np.arange(len(shown))
    return EmbeddingMap(
        plane,
        np.full(len(mapped), -1, dtype=np.int64) if truth is None else truth[mapped],
        predicted[mapped],
        place[mapped],
        shares,
        [subject.name(dataset.sources[int(index)]) for index in mapped],
    )


def _differences(
    figures: Mapping[str, Any], truth: NDArray[np.int64], predicted: NDArray[np.int64], whole: bool
) -> list[str]:
    """A note where looking again gave other classes than the run had, as another device or precision may."""
    if not whole or "confusion_matrix" not in figures:
        return []
    found = np.zeros_like(np.array(figures["confusion_matrix"], dtype=np.int64))
    np.add.at(found, (truth, predicted), 1)
    moved = int(np.abs(found - np.array(figures["confusion_matrix"])).sum()) // 2
    if not moved:
        return []
    return [
        f"The clouds were classified anew for this page, and {moved} of {len(truth):,} came out otherwise than in the "
        "run, which another device or precision may do. The figures are the run's."
    ]


def _missing(looks: Looks) -> list[str]:
    if looks.features is None:
        return ["This model doesn't show its features: there is no map, no neighbours and no explanation."]
    if looks.attention is None:
        return ["The class token's attention is not shown: this backbone has none that sees all patches."]
    return []
