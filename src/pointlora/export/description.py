"""What an exported file says of itself: one entry of its metadata, JSON that any program can read.

It holds all that prediction needs besides the network. Nothing in it is believed before it has been checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pointlora.adapters.config_fields import shown
from pointlora.checks import check_choice, check_integer, check_number
from pointlora.data.features import FeatureScaling
from pointlora.data.parts.space import PartSpace
from pointlora.data.ranges import AXES
from pointlora.errors import CheckpointError, ConfigError
from pointlora.export.fields import FORMAT_VERSION, PLAIN, check_density, check_names, check_text, read_fields
from pointlora.version import __version__

METADATA_KEY = "pointlora"
POINTS, QUERIES, CATEGORY, LOGITS = "points", "queries", "category", "logits"
CLASSIFICATION, SEGMENTATION = "classification", "part_segmentation"
INT8, CALIBRATIONS = "int8", ("dynamic", "static")

_MOST_POINTS = 10**7  # as in recipes


@dataclass(frozen=True)
class Quantization:
    """How a file was made of smaller numbers, and what that cost.

    Attributes:
        calibration: `dynamic`, or `static` with clouds of the run's data.
        metric: name of the figure, as in results.json.
        measured_on: which clouds it is of.
        before, after: the figure as float32 and as int8, from 0 to 1.
        kind: of the numbers, `int8`.
    """

    calibration: str
    metric: str
    measured_on: str
    before: float
    after: float
    kind: str = INT8

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, [INT8])
        check_choice("calibration", self.calibration, CALIBRATIONS)
        check_text("metric", self.metric)
        check_text("measured_on", self.measured_on)
        check_number("before", self.before, 0.0, 1.0)
        check_number("after", self.after, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ExportDescription:
    """What a file with a network says of it.

    Attributes:
        task: `classification` or `part_segmentation`.
        model: name of the backbone.
        method: name of the tuning method.
        adapter_hash: `weights_sha256` of the adapter.
        protocol: what the epoch was chosen on (`selected_on` of the adapter); None where it doesn't say.
        num_points: points N of a cloud as in training.
        min_points: fewest points that a cloud may have: the network's group size.
        normalize: whether clouds are centred and scaled into the unit sphere.
        up_axis: `x`, `y` or `z`, the axis that pointed up in training.
        preprocess: whether centring and scaling, the scaling of features, and sampling to `num_points` are inside the
            graph. `points` (and `queries`, in the same frame) are then as files hold them, and of any number N >= 1.
        opset: of the standard operators.
        class_names: names of the classes, in the order of the logits; () in part segmentation.
        parts: parts and categories, in the order of the logits; None in classification.
        features: names and scales of the F features; None for x, y, z alone.
        density: ranges of `spacing` and `extent` of the training clouds, [low, high] each; None where unknown.
        mesh_samples: points that were drawn from each mesh in training; None for the default.
        quantization: None for float32.
        pointlora_version: that wrote it.

    Raises:
        ConfigError: naming the field that makes no sense.
    """

    task: str
    model: str
    method: str
    adapter_hash: str
    num_points: int
    min_points: int
    normalize: bool
    up_axis: str
    preprocess: bool
    opset: int
    protocol: str | None = None
    class_names: tuple[str, ...] = ()
    parts: PartSpace | None = None
    features: FeatureScaling | None = None
    density: dict[str, list[float]] | None = None
    mesh_samples: int | None = None
    quantization: Quantization | None = None
    pointlora_version: str = __version__

    def __post_init__(self) -> None:
        check_choice("task", self.task, (CLASSIFICATION, SEGMENTATION))
        for name in ("model", "method", "adapter_hash", "pointlora_version"):
            check_text(name, getattr(self, name))
        if self.protocol is not None:
            check_text("protocol", self.protocol)
        check_integer("num_points", self.num_points, 1, _MOST_POINTS)
        check_integer("min_points", self.min_points, 1, self.num_points)
        check_integer("opset", self.opset, 1, 1000)
        if self.mesh_samples is not None:
            check_integer("mesh_samples", self.mesh_samples, 1, _MOST_POINTS)
        for name in ("normalize", "preprocess"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is {shown(getattr(self, name))}, but it must be true or false")
        check_choice("up_axis", self.up_axis, AXES)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        self._check_outputs()
        if self.density is not None:
            check_density(self.density)

    def _check_outputs(self) -> None:
        if self.task == CLASSIFICATION:
            if self.parts is not None:
                raise ConfigError("parts are named, but its task is classification")
            check_names("classes", self.class_names)
        elif self.parts is None or self.class_names:
            raise ConfigError("parts must be named, and no classes: its task is part_segmentation")
        else:
            check_names("part_names of parts", self.parts.part_names)
            check_names("categories of parts", self.parts.categories, fewest=0)

    @property
    def num_features(self) -> int:
        """F, numbers of a point beside x, y, z."""
        return 0 if self.features is None else len(self.features.names)

    @property
    def num_outputs(self) -> int:
        """Width of the logits."""
        return len(self.class_names) if self.parts is None else self.parts.num_parts

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the graph's inputs: `points` (B, N, 3 + F) float32; for part segmentation `queries` (B, M, 3 + F)
        float32 too, and `category` (B,) int64 where the network takes one.
        """
        if self.parts is None:
            return (POINTS,)
        return (POINTS, QUERIES, *((CATEGORY,) if self.parts.categories else ()))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "pointlora_version": self.pointlora_version,
            "task": self.task,
            "model": self.model,
            "method": self.method,
            "adapter_hash": self.adapter_hash,
            "protocol": self.protocol,
            "classes": list(self.class_names),
            "parts": None if self.parts is None else self.parts.as_dict(),
            "num_points": self.num_points,
            "min_points": self.min_points,
            "normalize": self.normalize,
            "up_axis": self.up_axis,
            "features": None if self.features is None else self.features.as_dict(),
            "preprocess": self.preprocess,
            "density": self.density,
            "mesh_samples": self.mesh_samples,
            "inputs": list(self.inputs),
            "outputs": [LOGITS],
            "opset": self.opset,
            "quantization": None if self.quantization is None else dict(vars(self.quantization)),
        }

    def to_metadata(self) -> dict[str, str]:
        """The file's entry of metadata."""
        return {METADATA_KEY: json.dumps(self.as_dict(), allow_nan=False)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: object) -> ExportDescription:
        """What `to_metadata` wrote into a file.

        Args:
            metadata: of the file, from whomever it is.
            source: the file, for messages.

        Raises:
            CheckpointError: naming the file, and the field that is missing, of a wrong type, or makes no sense.
        """
        text = metadata.get(METADATA_KEY)
        if text is None:
            raise CheckpointError(
                f"{source} wasn't written by `pointlora export`: its metadata have no {METADATA_KEY!r}"
            )
        try:
            values = read_fields(text)
            described = cls(**_fields(values))
            for name, wanted in (("inputs", list(described.inputs)), ("outputs", [LOGITS])):
                if values[name] != wanted:
                    raise ConfigError(f"{name} is {shown(values[name])}, but it must be {wanted}")
        except ConfigError as error:
            raise CheckpointError(f"{source} is damaged: in what it says of itself, {error}") from error
        return described


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `ExportDescription`, which checks them."""
    parts, features, quantization = (values[name] for name in ("parts", "features", "quantization"))
    return {
        **{name: values[name] for name in PLAIN},
        "class_names": tuple(values["classes"]),
        "parts": None if parts is None else _parts(parts),
        "features": None if features is None else _features(features),
        "quantization": None if quantization is None else _quantization(quantization),
    }


def _parts(values: Mapping[str, Any]) -> PartSpace:
    for name in ("part_names", "categories"):
        if not isinstance(values.get(name), list):
            raise ConfigError(f"{name} of parts is {shown(values.get(name))}, but it must be a list")
        check_names(f"{name} of parts", tuple(values[name]), fewest=0)
    try:
        return PartSpace.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"parts make no sense ({error})") from error


def _features(values: Mapping[str, Any]) -> FeatureScaling:
    try:
        return FeatureScaling.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"features make no sense ({error})") from error


def _quantization(values: Mapping[str, Any]) -> Quantization:
    try:
        return Quantization(**values)
    except (TypeError, ConfigError) as error:
        raise ConfigError(f"quantization makes no sense ({error})") from error
