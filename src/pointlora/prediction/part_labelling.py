"""A part for every point of a user's own files; what computes the scores is another's."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.parts.space import PartSpace
from pointlora.errors import ConfigError, DataError
from pointlora.names import unknown_name
from pointlora.prediction.opening import FileReader, all_good
from pointlora.prediction.part_prediction import POINTS, SAMPLED, VERTICES, PartPrediction


class PartLabeller(FileReader, ABC):
    """Labels files one by one: memory is that of the largest, and a file's labels don't depend on others.

    Attributes:
        space: parts and categories.
        min_points: fewest points that a cloud may have.
        points_at_once: points that are labelled together.
    """

    space: PartSpace
    min_points: int
    points_at_once: int

    def predict(self, files: Sequence[str | os.PathLike[str]], category: str | None = None) -> list[PartPrediction]:
        """Labels of files, in their order.

        Args:
            files: of any supported kind.
            category: name of the objects' category; by default that of the folder in which each file lies.

        Raises:
            ConfigError: for a category that the adapter doesn't know.
            DataError: for the first file that can't be read, is too small, or has no known category.
        """
        return all_good(self.predict_each(map(Path, files), category))

    def predict_each(
        self, files: Iterable[Path | DataError], category: str | None = None
    ) -> Iterator[PartPrediction | DataError]:
        """One result a file, in order: a prediction, or the error of a file that can't be labelled.

        Errors among `files` are passed on. Arguments and other errors are those of `predict`.
        """
        given = None if category is None else self.category_number(category)
        for path in files:
            if isinstance(path, DataError):
                yield path
                continue
            try:
                number = self.folder_category(path) if given is None else given
                result = self._predict(path, number)
            except DataError as error:
                yield error
            else:
                yield result
                del result  # or it would be in memory together with the next one

    def label(
        self,
        points: NDArray[np.float32],
        category: int = 0,
        asked: NDArray[np.float32] | None = None,
    ) -> NDArray[np.int64]:
        """Labels of a raw cloud.

        Args:
            points: (N, 3), or (N, 3 + F) with the adapter's features; the network sees so many of them as in
                training, spread by farthest point sampling.
            category: its number, see `category_number`; unused by an adapter that knows none.
            asked: (M, 3 + F) points that want labels, in the same frame; by default `points`, all of them.

        Returns:
            (M,) int64, the numbers that the parts have in the files of the training data.

        Raises:
            DataError: for fewer points than a patch has.
        """
        from pointlora.data.checking import check_cloud

        check_cloud(points, "the cloud", self.min_points)
        points = self.turned(points)
        seen, blocks = self.prepare(points, points if asked is None else self.turned(asked))
        return np.array(self.space.numbers)[self.choose_parts(seen, blocks, category)]

    def prepare(
        self, points: NDArray[np.float32], asked: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], Iterator[NDArray[np.float32]]]:
        """What the network sees of a raw cloud (N, 3 + F): (num_points, 3 + F) of its points, and those that want
        labels, in the same frame, `points_at_once` at a time.
        """
        from pointlora.data.transforms import unit_sphere

        center, radius = unit_sphere(points[:, :3]) if self.transform.config.normalize else (np.zeros(3), 1.0)
        seen = self.transform([points], [(0, 0)])[0]
        return seen, (self._scaled(block, center, radius) for block in self.blocks(asked))

    def blocks(self, asked: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """The rows of an array, `points_at_once` at a time."""
        yield from (asked[first : first + self.points_at_once] for first in range(0, len(asked), self.points_at_once))

    @abstractmethod
    def choose_parts(
        self, seen: NDArray[np.float32], blocks: Iterable[NDArray[np.float32]], category: int
    ) -> NDArray[np.int64]:
        """The best-scored part of each point among those of the category.

        Args:
            seen: (num_points, 3 + F) that the network sees.
            blocks: (M, 3 + F) that want labels.
            category: number of the object's category.
        """

    def _scaled(self, points: NDArray[np.float32], center: NDArray[np.float64], radius: float) -> NDArray[np.float32]:
        """Points (M, 3 + F) in the frame of the network, their features scaled."""
        from pointlora.data.transforms import into_sphere

        placed, features = into_sphere(points[:, :3], center, radius), self.transform.config.features
        return placed if features is None else features.scale(np.concatenate([placed, points[:, 3:]], axis=1))

    def category_number(self, name: str) -> int:
        """The number of a category.

        Raises:
            ConfigError: if the adapter doesn't know it, naming those that it knows.
        """
        if not self.space.categories:
            raise ConfigError(f"category {name!r} was given, but the adapter knows no categories: leave it out")
        found = self._find(name)
        if found is None:
            raise ConfigError(unknown_name("category", name, self.space.categories))
        return found

    def folder_category(self, path: Path) -> int:
        """The number of the category after which the folder of a file is called; 0 where none are told apart.

        Raises:
            DataError: if it is called after none of them.
        """
        if not self.space.categories:
            return 0
        name = path.absolute().parent.name
        found = self._find(name)
        if found is None:
            known = ", ".join(self.space.categories)
            raise DataError(f"{path}: its folder {name!r} isn't a category; give --category, one of {known}")
        return found

    def _find(self, name: str) -> int | None:
        """Upper and lower case are the same unless two categories differ in nothing else."""
        names = self.space.categories
        if name in names:
            return names.index(name)
        folded = [number for number, own in enumerate(names) if own.casefold() == name.casefold()]
        return folded[0] if len(folded) == 1 else None

    def _predict(self, path: Path, category: int) -> PartPrediction:
        from pointlora.data.files import file_kind
        from pointlora.data.files.ply import read_ply_vertices

        cloud = self.read_file(path, self.min_points)
        if cloud.sampled and file_kind(path) == ".ply":
            # The network sees the surface, as in training; the vertices are what the file has.
            vertices = read_ply_vertices(path, self.features)
            moved = vertices.featured.copy()
            moved[:, :3] = vertices.points + (vertices.offset - cloud.offset)
            labels = self.label(cloud.featured, category, moved)
            return PartPrediction(path, VERTICES, vertices, labels, self.space, category)
        labels = self.label(cloud.featured, category)
        return PartPrediction(path, SAMPLED if cloud.sampled else POINTS, cloud, labels, self.space, category)
