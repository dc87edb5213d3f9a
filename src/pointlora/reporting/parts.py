"""What a page shows of a part segmenter's clouds: gallery, table of parts, calibration over points, map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointlora.data.parts.base import PartDataset
from pointlora.data.parts.loading import PartBatch, PartLoaderDataset, make_part_loader
from pointlora.data.parts.space import PartSpace
from pointlora.data.parts.transforms import PartTransform
from pointlora.models.segmenter import CloudFeatures, PartSegmenter
from pointlora.randomness import isolated_randomness
from pointlora.reporting.choosing import choose_shown, spread_evenly
from pointlora.reporting.classification import map_of_features, scale_names
from pointlora.reporting.looking import check_finite
from pointlora.reporting.showing import MOST_POINTS, own_colors, show_points
from pointlora.reporting.subject import Subject, bounded
from pointlora.reports.bootstrap import Ends, mean_intervals
from pointlora.reports.calibration import CalibrationCounts
from pointlora.reports.page.content import Calibration, ClassRow, ClassTable, Cloud, Scale
from pointlora.training.part_segmentation.metrics import PartMetrics, metrics_from_counts, predict_parts, shape_counts
from pointlora.training.part_segmentation.module import model_category

# Clouds at a time: all their points are labelled, however many they are.
_BATCH = 8
_TINY = 1e-12


@dataclass(frozen=True)
class PartLooks:
    """What a segmenter did with n clouds.

    Attributes:
        metrics: figures.
        surprise: (n,) mean over points of -log of the true part's probability.
        features: (n, S) float32 summary of each cloud.
        calibration: over all points.
    """

    metrics: PartMetrics
    surprise: NDArray[np.float64]
    features: NDArray[np.float32]
    calibration: Calibration | None


def part_sections(subject: Subject, space: PartSpace, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `Report` that need the clouds, and `intervals` of the figures, by their names in results.json.

    Args:
        subject: the segmenter and its labelled clouds.
        space: parts that are told apart.
        figures: what results.json holds.
    """
    dataset: Any = bounded(subject.measured)
    notes = []
    if len(dataset) < len(subject.measured):
        notes.append(f"Of {len(subject.measured):,} clouds {len(dataset):,} evenly spread ones were looked at.")
    if not len(dataset):
        return {}
    model: Any = subject.model
    looks = look_at_parts(model, dataset, subject, space)
    overall, per_part = part_intervals(looks.metrics)
    order = choose_shown(looks.surprise, dataset.labels, dataset.labels)
    # Categories are given, not predicted.
    unknown = np.full(len(dataset), -1, dtype=np.int64)
    categories = dataset.labels if space.categories else None
    clouds = [_shown_cloud(subject, model, dataset, space, int(index), looks) for index in order]
    return {
        "clouds": clouds,
        "clouds_measured": len(subject.measured),
        "calibration": looks.calibration,
        "table": part_rows(figures, space, per_part),
        "embedding": map_of_features(subject, dataset, looks.features, order, unknown, categories),
        "notes": notes,
        "intervals": overall,
    }


@torch.no_grad()
def look_at_parts(model: PartSegmenter, dataset: PartDataset, subject: Subject, space: PartSpace) -> PartLooks:
    """Every point of every cloud, once.

    Raises:
        ConfigError: if the scores are no numbers.
    """
    model.eval()
    device = next(model.parameters()).device
    allowed = torch.from_numpy(space.allowed).to(device)
    counts, surprise, features, sure = [], [], [], CalibrationCounts()
    with isolated_randomness("report", 0):
        for batch in make_part_loader(dataset, subject.transform, _BATCH, train=False, workers=subject.workers):
            truth, category = batch.parts.to(device), batch.category.to(device)
            found, scores = _scores(model, batch, space)
            predicted = predict_parts(scores, category, allowed)
            counts.append(shape_counts(truth, predicted, category, space).cpu())
            chances = scores.masked_fill(~allowed[category][:, None], -torch.inf).double().softmax(-1)
            real = truth >= 0
            own = chances.gather(2, truth.clamp(min=0)[..., None])[..., 0].clamp(min=_TINY)
            surprise.append((-own.log() * real).sum(1).cpu() / real.sum(1).clamp(min=1).cpu())
            features.append(found.summary.float().cpu())
            sure.add(chances.amax(-1)[real].cpu().numpy(), (predicted == truth)[real].cpu().numpy())
    metrics, surprises = metrics_from_counts(torch.cat(counts).numpy(), space), torch.cat(surprise).numpy()
    check_finite(surprises)
    return PartLooks(metrics, surprises, torch.cat(features).numpy(), sure.result("points"))


def _scores(model: PartSegmenter, batch: PartBatch, space: PartSpace) -> tuple[CloudFeatures, Tensor]:
    """What `score_parts` computes, and the features that it comes from."""
    device = next(model.parameters()).device
    category = model_category(batch, space)
    queries = batch.points if batch.queries is None else batch.queries
    found = model.encode_clouds(batch.points.to(device), None if category is None else category.to(device))
    return found, model.score(found, queries.to(device))


@torch.no_grad()
def _shown_cloud(
    subject: Subject, model: PartSegmenter, dataset: PartDataset, space: PartSpace, index: int, looks: PartLooks
) -> Cloud:
    """A cloud of the gallery, with as many of its points as are shown."""
    batch = PartLoaderDataset(dataset, PartTransform(subject.transform, train=False, queries=True))[(0, index)]
    assert batch.queries is not None
    some = spread_evenly(batch.queries.shape[1], MOST_POINTS)
    batch = batch._replace(queries=batch.queries[:, some], parts=batch.parts[:, some])
    assert batch.queries is not None
    found, scores = _scores(model, batch, space)
    allowed = torch.from_numpy(space.allowed).to(scores.device)
    predicted = predict_parts(scores, batch.category.to(scores.device), allowed)[0].cpu().numpy()
    colors = own_colors(dataset, index, subject.transform)
    shown = show_points(batch.queries[0, :, :3].numpy(), None if colors is None else colors[some])
    names = scale_names(model, len(found.selected))
    label = int(dataset.labels[index])
    right = looks.metrics.correct[index] / max(int(looks.metrics.points[index]), 1)
    return Cloud(
        name=subject.name(dataset.sources[index]),
        points=shown.points,
        true=label if space.categories else None,
        predicted=label if space.categories else None,
        surprise=float(looks.surprise[index]),
        wrong=bool(right < 0.5),
        iou=float(looks.metrics.shape_ious[index]),
        colors=shown.colors,
        parts_true=batch.parts[0].numpy().astype(np.int16),
        parts_predicted=predicted.astype(np.int16),
        centers=shown.place(found.centers[0].float().cpu().numpy()),
        selected=[
            Scale(name, shown.place(centers[0].float().cpu().numpy()))
            for name, centers in zip(names, found.selected, strict=True)
        ],
    )


def part_intervals(metrics: PartMetrics) -> tuple[dict[str, Ends], dict[tuple[int, int], Ends]]:
    """Intervals over clouds of the overall figures, and of the mean IoU of each (category, place of a part in it)."""
    category, ious, shapes = metrics.category, metrics.part_ious, metrics.shape_ious
    present = np.unique(category)
    wanted = [(int(c), place) for c in present for place in range(len(metrics.space.parts_of[c]))]

    def statistics(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            totals = {int(c): weights[:, category == c].sum(1) for c in present}
            classes = [weights[:, category == c] @ shapes[category == c] / totals[int(c)] for c in present]
            rows = [weights @ shapes / weights.sum(1), np.nanmean(classes, axis=0)]
            rows.append(weights @ metrics.correct / np.maximum(weights @ metrics.points, 1))
            rows += [weights[:, category == c] @ ious[category == c, place] / totals[c] for c, place in wanted]
        return np.stack(rows, axis=1)

    ends = mean_intervals(statistics, len(category))
    overall = dict(zip(("instance_miou", "class_miou", "accuracy"), ends, strict=False))
    return overall, dict(zip(wanted, ends[3:], strict=True))


def part_rows(
    figures: Mapping[str, Any], space: PartSpace, intervals: Mapping[tuple[int, int], Ends] | None = None
) -> ClassTable:
    """A row for each part of each category, as results.json has them."""
    rows = []
    for number, (category, parts) in enumerate(figures["per_part"].items()):
        for place, (name, iou) in enumerate(parts.items()):
            ends = (intervals or {}).get((number, place), Ends(None, None))
            group, index = (category, number) if space.categories else ("", None)
            rows.append(ClassRow(name, iou, group, figures["shapes"][category], *ends, index=index))
    return ClassTable("IoU", rows)
