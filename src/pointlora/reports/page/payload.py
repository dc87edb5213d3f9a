"""The clouds of a page as JSON: numbers packed as base64 of whole numbers, nothing that could end a script element."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pointlora.reports.page.charts.embedding import MapChart
from pointlora.reports.page.content import Cloud, Report, Suggestion

# Within a JSON string all of them may be written as escapes; outside of strings JSON has none of them.
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def payload(report: Report, chart: MapChart | None) -> str:
    """JSON text of what the page's scripts need, safe within a script element."""
    content: dict[str, Any] = {
        "names": list(report.names),
        "partNames": list(report.part_names),
        "parts": report.head.task == "part_segmentation",
        "up": report.up_axis,
        "clouds": [_cloud(cloud) for cloud in report.clouds],
        "training": [_cloud(cloud) for cloud in report.training],
        "suggestions": [_suggestion(cloud) for cloud in report.label_next or ()],
        "map": None,
    }
    if report.embedding and chart:
        content["map"] = {
            "places": _packed(chart.places, "<i2"),
            "true": _numbers(report.embedding.true),
            "predicted": _numbers(report.embedding.predicted),
            "cloud": _numbers(report.embedding.cloud),
            "names": list(report.embedding.names),
        }
    return script_json(content)


def script_json(content: object) -> str:
    """JSON that stays data within HTML: `<`, `>`, `&` and the separators U+2028 and U+2029 are escaped."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Half of a surrogate pair, which a file name on Linux may hold, can't be written as UTF-8.
    return text.translate(_ESCAPES).encode("utf-8", "backslashreplace").decode("utf-8")


def _cloud(cloud: Cloud) -> dict[str, Any]:
    """What is known of it; the rest is left out."""
    found: dict[str, Any] = {
        "name": cloud.name,
        "points": _packed(cloud.points, "<i2"),
        "true": cloud.true,
        "predicted": cloud.predicted,
        "wrong": cloud.wrong,
        "iou": _rounded(cloud.iou),
        "surprise": _rounded(cloud.surprise),
        "probabilities": [[int(label), _rounded(share)] for label, share in cloud.probabilities],
        "colors": _packed(cloud.colors, "u1"),
        "partsTrue": _packed(cloud.parts_true, "<i2"),
        "partsPredicted": _packed(cloud.parts_predicted, "<i2"),
        "centers": _packed(cloud.centers, "<i2"),
        "selected": [{"name": scale.name, "centers": _packed(scale.centers, "<i2")} for scale in cloud.selected],
        "neighbors": [[near.index, _rounded(near.distance)] for near in cloud.neighbors],
    }
    if cloud.attention is not None and cloud.centers is not None:
        found["attention"] = _shares(cloud.attention)
    if cloud.explanation is not None and cloud.centers is not None:
        found["explanation"] = {
            "label": cloud.explanation.label,
            "probability": _rounded(cloud.explanation.probability),
            "without": _shares(cloud.explanation.without),
        }
    return {name: value for name, value in found.items() if value is not None and value != []}


def _suggestion(cloud: Suggestion) -> dict[str, Any]:
    return {
        "name": cloud.name,
        "points": _packed(cloud.points, "<i2"),
        "predicted": cloud.predicted,
        "probabilities": [[cloud.predicted, _rounded(cloud.probability)]],
    }


def _packed(values: ArrayLike | None, kind: str) -> str | None:
    if values is None:
        return None
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")


def _numbers(values: ArrayLike) -> list[int]:
    return [int(value) for value in np.asarray(values)]


def _shares(values: ArrayLike) -> list[float]:
    """Rounded; 0 for what isn't a number, which JSON can't hold."""
    return [round(float(value), 5) for value in np.nan_to_num(np.asarray(values, dtype=np.float64))]


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 5)
