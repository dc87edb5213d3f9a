"""How strongly scans of procedural shapes are perturbed."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from pointlora.checks import check_number
from pointlora.errors import ConfigError


@dataclass(frozen=True)
class ScanOptions:
    """Strengths of the perturbations, in units of the clean shape's radius where they are lengths; 0 switches one off.

    Attributes:
        rotation: largest turn about z, radians, in [0, pi].
        tilt: standard deviation of the lean away from z, radians, in [0, 0.5].
        views: largest number of viewpoints (1 to 8) whose visible points are merged; 0 keeps hidden points.
        depth_tolerance: how far behind the nearest point of its cell a point still counts as visible, in (0, 1].
        crop: largest shift of the bounding box along each axis in units of its size, in [0, 0.5]; what falls outside
            is cut, but never more than half of the visible object.
        clutter: largest share of points from the floor, a wall and a neighbouring object, in [0, 0.8].
        density: exponent of the fall of sampling density with the distance to the sensor, in [0, 8].
        noise: largest standard deviation of the Gaussian noise on each coordinate, in [0, 0.2].
        outliers: share of points replaced by uniform ones in the surrounding box, in [0, 0.3].

    Raises:
        ConfigError: for a value out of range.
    """

    rotation: float = math.pi
    tilt: float = 0.05
    views: int = 2
    depth_tolerance: float = 0.08
    crop: float = 0.3
    clutter: float = 0.35
    density: float = 2.0
    noise: float = 0.012
    outliers: float = 0.005

    def __post_init__(self) -> None:
        for field in fields(self):
            check_number(f"scan option {field.name}", getattr(self, field.name), *_RANGES[field.name])
        if self.views % 1:  # YAML's 2.0 is an integer too
            raise ConfigError(f"scan option views is {self.views!r}, but it must be an integer")


_RANGES: dict[str, tuple[float, float]] = {
    "rotation": (0.0, math.pi),
    "tilt": (0.0, 0.5),
    "views": (0, 8),
    "depth_tolerance": (1e-3, 1.0),
    "crop": (0.0, 0.5),
    "clutter": (0.0, 0.8),
    "density": (0.0, 8.0),
    "noise": (0.0, 0.2),
    "outliers": (0.0, 0.3),
}
