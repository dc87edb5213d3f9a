"""Surfaces of bodies that are joined and cut: triangles, of which only what lies on the outside is sampled.

A point on a body's triangles belongs to the result of a union or difference unless another body covers it or a cut
removes it; walls of a cut are points of its own triangles inside a body. So constructive solid geometry needs no
intersection of triangles, only a test whether a point is inside. Tests see points where the bodies were cut
(`rest`), so that the result can be moved and bent afterwards and stays uniform by area.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pointlora.procedural.freeform.solids import Solid

_ROUNDS = 12
_MOST_TRIANGLES = 5000


@dataclass(frozen=True)
class _Group:
    """Bodies that are joined and cut, and their triangles: from start to stop, and as they lay when they were cut.

    `rest` is None as long as they haven't been moved; `owners` (stop - start,) are numbers of bodies, the cuts last.
    """

    start: int
    stop: int
    rest: np.ndarray | None
    owners: np.ndarray
    added: tuple[Solid, ...]
    cuts: tuple[Solid, ...]

    def keeps(self, points: np.ndarray, triangle: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Which points (3, N), on numbered triangles, are outside of everything else."""
        rows = points if self.rest is None else _at(_corner_rows(self.rest), triangle, weights)
        own = self.owners[triangle]
        covered, removed = np.zeros(len(own), dtype=bool), np.zeros(len(own), dtype=bool)
        for number, solid in enumerate((*self.added, *self.cuts)):
            result = covered if number < len(self.added) else removed
            result |= solid.contains(rows) & (own != number)
        return ~removed & (covered == (own >= len(self.added)))


class Surface:
    """Triangles (T, 3, 3) whose visible part can be sampled uniformly by area."""

    def __init__(
        self, triangles: np.ndarray, groups: tuple[_Group, ...] = (), rotation: np.ndarray | None = None
    ) -> None:
        self.triangles, self.groups, self.rotation = triangles, groups, rotation

    def turned(self, rotation: np.ndarray) -> Surface:
        """The surface turned or mirrored by an orthogonal (3, 3) matrix; this costs nothing until it is sampled."""
        return Surface(self.triangles, self.groups, rotation if self.rotation is None else rotation @ self.rotation)

    def settled(self) -> Surface:
        """The same surface with its triangles where they belong."""
        rotation = self.rotation
        return self if rotation is None else self._moved(lambda points: points @ rotation.T)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest (3,) corner, of everything that was added."""
        corners = _corner_rows(self.settled().triangles)
        if self.groups:
            added = np.ones(len(self.triangles), dtype=bool)
            for group in self.groups:
                added[group.start : group.stop] = group.owners < len(group.added)
            corners = corners[:, added]
        low, high = corners.min(axis=1), corners.max(axis=1)  # along rows, which is fast
        return low.reshape(3, 3).min(axis=0), high.reshape(3, 3).max(axis=0)

    def moved(self, matrix: np.ndarray, offset: np.ndarray | Sequence[float] = (0.0, 0.0, 0.0)) -> Surface:
        """All points p as matrix p + offset."""
        full = matrix if self.rotation is None else matrix @ self.rotation
        return self._moved(lambda points: points @ full.T + offset)

    def warped(self, warp: Callable[[np.ndarray], np.ndarray]) -> Surface:
        """All vertices moved by a function of (M, 3) points to (M, 3) points."""
        return self.settled()._moved(warp)

    def _moved(self, warp: Callable[[np.ndarray], np.ndarray]) -> Surface:
        groups = tuple(
            replace(group, rest=self.triangles[group.start : group.stop]) if group.rest is None else group
            for group in self.groups
        )
        return Surface(warp(self.triangles.reshape(-1, 3)).reshape(-1, 3, 3), groups)

    def divided(self, longest: float, rounds: int = 3) -> Surface:
        """Triangles with an edge longer than `longest` cut into quarters, so that a warp can bend them."""
        surface = self.settled()
        for _ in range(rounds):
            corners = _corner_rows(surface.triangles)
            edges = (corners - np.roll(corners, 3, axis=0)).reshape(3, 3, -1)
            long = ((edges * edges).sum(axis=1) > longest**2).any(axis=0)
            if not long.any() or len(long) + 3 * long.sum() > _MOST_TRIANGLES:
                break
            surface = surface._quartered(long)
        return surface

    def _quartered(self, which: np.ndarray) -> Surface:
        first = np.concatenate([[0], np.cumsum(np.where(which, 4, 1))])
        groups = []
        for group in self.groups:
            own, start, stop = slice(group.start, group.stop), int(first[group.start]), int(first[group.stop])
            rest = None if group.rest is None else _quarters(group.rest, which[own])
            owners = np.repeat(group.owners, np.where(which[own], 4, 1))
            groups.append(replace(group, start=start, stop=stop, rest=rest, owners=owners))
        return Surface(_quarters(self.triangles, which), tuple(groups))

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return (count, 3) float64 points, uniform by area."""
        corners = _corner_rows(self.triangles)
        (ux, uy, uz), (vx, vy, vz) = corners[3:6] - corners[:3], corners[6:] - corners[:3]
        normals = (uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2
        cumulative = np.cumsum(np.sqrt(normals))
        kept: list[np.ndarray] = []
        missing, wanted = count, count if not self.groups else int(1.4 * count) + 16
        for _ in range(_ROUNDS):
            points, index, weights = _drawn(corners, cumulative, rng, wanted)
            if self.groups:
                points = points[:, np.flatnonzero(self._shown(points, index, weights))[:missing]]
            kept.append(points)
            found = points.shape[1]
            missing -= found
            if not missing:
                break
            wanted = int(min(1.3 * missing * wanted / max(found, 1), 8 * count)) + 16
        else:  # hardly anything is left of the bodies: it is repeated, or what has been cut away is shown
            left = np.concatenate(kept, axis=1)
            left = left if left.size else _drawn(corners, cumulative, rng, missing)[0]
            kept.append(left[:, np.arange(missing) % left.shape[1]])
        rows = np.concatenate(kept, axis=1)
        return np.ascontiguousarray((rows if self.rotation is None else self.rotation @ rows).T)

    def _shown(self, points: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
        shown = np.ones(len(index), dtype=bool)
        for group in self.groups:
            if group.stop - group.start == len(self.triangles):
                return group.keeps(points, index, weights)
            rows = np.flatnonzero((index >= group.start) & (index < group.stop))
            if len(rows):
                shown[rows] = group.keeps(points[:, rows], index[rows] - group.start, weights[:, rows])
        return shown


def carved(added: Sequence[Solid], cuts: Sequence[Solid] = ()) -> Surface:
    """The surface of the union of bodies, without what the cuts take away."""
    pieces = [solid.triangles() for solid in (*added, *cuts)]
    triangles = np.concatenate(pieces)
    owners = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    return Surface(triangles, (_Group(0, len(triangles), None, owners, tuple(added), tuple(cuts)),))


def joined(surfaces: Sequence[Surface]) -> Surface:
    """Surfaces side by side; none covers another."""
    surfaces = [surface.settled() for surface in surfaces]
    groups, start = [], 0
    for surface in surfaces:
        groups += [replace(group, start=group.start + start, stop=group.stop + start) for group in surface.groups]
        start += len(surface.triangles)
    return Surface(np.concatenate([surface.triangles for surface in surfaces]), tuple(groups))


def _quarters(triangles: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Triangles (T, 3, 3), the chosen ones cut into four at the middles of their edges, all in the same order."""
    first = np.cumsum(np.where(which, 4, 1)) - np.where(which, 4, 1)
    result = np.empty((len(triangles) + 3 * int(which.sum()), 3, 3))
    result[first[~which]] = triangles[~which]
    cut, at = triangles[which], first[which]
    middles = 0.5 * (cut + cut[:, [1, 2, 0]])
    (a, b, c), (ab, bc, ca) = np.moveaxis(cut, 1, 0), np.moveaxis(middles, 1, 0)
    for number, corners in enumerate(((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))):
        for k in range(3):
            result[at + number, k] = corners[k]
    return result


def _corner_rows(triangles: np.ndarray) -> np.ndarray:
    """Coordinates of the three corners as rows (9, T): numpy is slow at axes of length 3."""
    return np.ascontiguousarray(triangles.reshape(-1, 9).T)


def _at(corners: np.ndarray, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rows x, y, z (3, N) of points on the chosen triangles."""
    first, second = weights
    near = np.take(corners, index, axis=1)  # twice as fast as brackets
    return (1.0 - first - second) * near[:3] + first * near[3:6] + second * near[6:]


def _drawn(
    corners: np.ndarray, cumulative: np.ndarray, rng: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (3, N) uniform by area, the triangles (N,) they lie on and their weights (2, N) there."""
    # Searching for sorted numbers takes half the time, the shuffle included.
    found = np.searchsorted(cumulative, np.sort(rng.random(count)) * cumulative[-1], side="right")
    index = rng.permutation(np.minimum(found, len(cumulative) - 1))
    weights = rng.random((2, count))
    weights = np.where(weights[0] + weights[1] > 1.0, 1.0 - weights, weights)
    return _at(corners, index, weights), index, weights
