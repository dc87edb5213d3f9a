"""Which clouds to label next: those that the model is unsure of, far from what is labelled and from one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.file_names import expand_paths
from pointlora.errors import ConfigError
from pointlora.reporting.choosing import choose_balanced, spread_evenly
from pointlora.reporting.classification import surprises
from pointlora.reporting.features import directions_of, nearest
from pointlora.reporting.files import FileClouds, ReadCloud
from pointlora.reporting.looking import look
from pointlora.reporting.showing import MOST_POINTS_BESIDE, printable, show
from pointlora.reporting.subject import Subject
from pointlora.reports.page.content import Suggestion

MOST_SUGGESTED = 30
MOST_CANDIDATES, MOST_LABELLED = 2000, 1000
# What a cloud counts that the model is sure of: one that lies far from everything labelled may still be listed.
_LEAST = 0.1


def label_next(subject: Subject, folder: Path, read: ReadCloud) -> tuple[list[Suggestion], list[str]]:
    """The clouds of a folder whose labels would teach most, the first first, and notes on what wasn't looked at.

    Args:
        subject: the classifier and the clouds that are labelled.
        folder: is searched through.
        read: see `FileClouds`.

    Raises:
        ConfigError: if the folder holds no cloud that can be read.
    """
    files = [path for path in expand_paths([str(folder)]) if isinstance(path, Path)]
    notes = []
    if len(files) > MOST_CANDIDATES:
        notes.append(f"Of {len(files):,} unlabelled clouds {MOST_CANDIDATES:,} evenly spread ones were looked at.")
        files = [files[index] for index in spread_evenly(len(files), MOST_CANDIDATES)]
    clouds = FileClouds(files, read, subject.transform, subject.batch_size)
    looks = look(subject.model, clouds.batches())
    if looks is None:
        raise ConfigError(f"--unlabelled {folder} holds no point cloud that can be read")
    if len(clouds.good) < len(files):
        notes.append(f"{len(files) - len(clouds.good):,} of the unlabelled files can't be read.")
    if looks.features is None:
        return [], [*notes, "This model doesn't show its features: nothing can be said about what to label next."]
    entropy = surprises(looks.probabilities, None)
    unsure = entropy / np.log(max(looks.probabilities.shape[1], 2))
    order, distances = choose_greedily(unsure, looks.features, _labelled_features(subject, looks.features.shape[1]))
    found = []
    for index, distance in zip(order, distances, strict=True):
        path, best = clouds.good[index], int(looks.probabilities[index].argmax())
        shown, _ = show(read(path)[0], subject.transform, MOST_POINTS_BESIDE)
        name = str(path.resolve() if subject.options.paths else path.relative_to(folder))
        about = best, float(looks.probabilities[index, best]), float(entropy[index]), distance
        found.append(Suggestion(printable(name), *about, shown.points))
    return found, notes


def _labelled_features(subject: Subject, width: int) -> NDArray[np.float32]:
    """(m, D) of training clouds; of many, as many of each class."""
    if subject.training is None:
        return np.zeros((0, width), dtype=np.float32)
    chosen = subject.training.subset(choose_balanced(subject.training.labels, MOST_LABELLED))
    looks = look(subject.model, subject.batches(chosen))
    assert looks is not None
    assert looks.features is not None
    return looks.features


def choose_greedily(
    uncertainty: NDArray[np.float64], features: NDArray[np.float32], labelled: NDArray[np.float32]
) -> tuple[list[int], list[float]]:
    """Clouds one after another, each the most uncertain and the farthest from what is labelled or chosen.

    Two that nearly coincide are not both chosen before all others.

    Args:
        uncertainty: (n,) in [0, 1].
        features: (n, D).
        labelled: (m, D); none where m is 0.

    Returns:
        indices, and the cosine distance of each to the nearest labelled or earlier one (1 where there is none).
    """
    rows = np.concatenate([labelled, features]) if len(labelled) else features
    origin = rows.mean(0)
    own = directions_of(features, origin)
    distance = np.ones(len(own))
    if len(labelled):
        distance = nearest(own, directions_of(labelled, origin), 1)[1][:, 0]
    chosen: list[int] = []
    distances: list[float] = []
    free = np.ones(len(own), dtype=bool)
    for _ in range(min(MOST_SUGGESTED, len(own))):
        worth = np.where(free, (uncertainty + _LEAST) * distance, -1.0)
        best = int(worth.argmax())
        chosen.append(best)
        distances.append(float(distance[best]))
        free[best] = False
        distance = np.minimum(distance, (1 - own @ own[best]).clip(0))
    return chosen, distances
