"""Tables of a part segmenter's figures, as `PartMetrics.as_dict` and results.json have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pointlora.reports.tables import csv_text


def part_table(figures: Mapping[str, Any], caption: str) -> str:
    """A table for people: caption, overall figures, and a line a category with its parts."""
    names = list(figures["per_category"])
    width = max(len("instance mIoU"), *(len(name) + 2 for name in names))
    lines = [
        caption,
        f"{'instance mIoU':<{width}}  {100 * figures['instance_miou']:6.2f} %  of {figures['count']}",
        f"{'class mIoU':<{width}}  {100 * figures['class_miou']:6.2f} %",
        f"{'points right':<{width}}  {100 * figures['accuracy']:6.2f} %  of {figures['points']}",
    ]
    for name in names:
        value, count = figures["per_category"][name], figures["shapes"][name]
        shown = "     -" if value is None else f"{100 * value:6.2f}"
        parts = {part: iou for part, iou in figures["per_part"][name].items() if iou is not None}
        own = ", ".join(f"{_short(part, name)} {100 * iou:.1f}" for part, iou in parts.items())
        lines.append(f"  {name:<{width - 2}}  {shown} %  of {count}" + (f"  ({own})" if own else ""))
    return "\n".join(lines)


def part_csv(figures: Mapping[str, Any]) -> str:
    """CSV text: one row per part of each category; no figure where no shape has the category."""
    rows = (
        [category, part, iou, figures["shapes"][category]]
        for category, parts in figures["per_part"].items()
        for part, iou in parts.items()
    )
    return csv_text(["category", "part", "iou", "shapes"], rows)


def cloud_csv(sources: Sequence[str], categories: Sequence[str], mious: Sequence[float]) -> str:
    """CSV text: a row a cloud with its category and its instance mIoU."""
    rows = ([*names, f"{miou:.6f}"] for *names, miou in zip(sources, categories, mious, strict=True))
    return csv_text(["cloud", "category", "instance_miou"], rows)


def _short(part: str, category: str) -> str:
    """A part's name without that of its category, which stands beside it."""
    return part.removeprefix(f"{category} ")
