"""An adapter on its backbone, ready for files: what all predictors have in common."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from pointlora.adapters.described_data import read_density, read_mesh_samples
from pointlora.data.density import density_warning
from pointlora.data.notices import say_of_cloud, say_of_file
from pointlora.errors import AdapterError, DataError
from pointlora.prediction.settings import (
    adapter_folder,
    axis_shift,
    read_features,
    read_transform,
    turned,
)

if TYPE_CHECKING:
    from pointlora.data.files import FeatureChoice, PointCloud
    from pointlora.data.transforms import PointTransform

Result = TypeVar("Result")


class FileReader:
    """Reads files as a model wants them.

    Attributes:
        transform: what is done to clouds before.
        mesh_samples: points that are drawn from each mesh; None for the default.
        shift: by how many columns coordinates are rolled, see `axis_shift`.
        features: what is read beside x, y, z; None where that is nothing.
        density: of the training clouds, where it is known.
        up_axis: the axis that points up in the files.
    """

    transform: PointTransform
    mesh_samples: int | None = None
    shift: int = 0
    features: FeatureChoice | None = None
    density: dict[str, list[float]] | None = None
    up_axis: str

    def read_as(self, transform: PointTransform, up_axis: str | None, missing_features: str) -> None:
        """Prepare clouds by `transform`; the other arguments, and errors, are those of `AdaptedPredictor`."""
        trained = transform.config.up_axis
        self.transform = transform
        self.features = read_features(transform, missing_features)
        self.up_axis, self.shift = up_axis or trained, axis_shift(up_axis, trained)

    def read_file(self, path: Path, min_points: int = 1) -> PointCloud:
        """A cloud with the features that the adapter wants; what is odd about it is said on stderr.

        Raises:
            DataError: if it can't be read, has fewer than `min_points`, or lacks a feature.
        """
        from pointlora.data.checking import check_cloud
        from pointlora.data.files import read_point_cloud

        cloud = read_point_cloud(path, num_samples=self.mesh_samples, features=self.features)
        check_cloud(cloud.points, str(path), min_points)
        say_of_cloud(cloud)
        if cloud.missing:
            say_of_file(f"{path}: has no {', '.join(cloud.missing)}: zero stands in for it")
        warning = None if self.density is None else density_warning(cloud.points, self.density)
        if warning is not None:
            say_of_file(f"{path}: {warning}")
        return cloud

    def turned(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points (N, 3 + F) of a file, with the axis up that was up in training."""
        return turned(points, self.shift, self.transform.where.normals)


class AdaptedPredictor(FileReader, ABC):
    """Opens an adapter for one task.

    Args:
        adapter: folder of an adapter, or of a run that has one.
        base: file with the backbone's weights; by default the one that the adapter names, looked for from the current
            folder and from the adapter's.
        device: `auto`, `cpu` or `cuda`.
        up_axis: the axis that points up in the files (`x`, `y`, `z`) where it isn't the one of the training data.
        missing_features: `error`, or `zero` to go on with what says nothing in the place of a feature that a file
            lacks.

    Raises:
        AdapterError: no adapter, a damaged one, one for another task, or one on another backbone.
        CheckpointError: if the backbone's file can't be read.
        ConfigError: for an unknown device or axis.
    """

    task: ClassVar[str]

    def __init__(
        self,
        adapter: str | os.PathLike[str],
        base: str | os.PathLike[str] | None = None,
        device: str = "auto",
        up_axis: str | None = None,
        missing_features: str = "error",
    ) -> None:
        from pointlora.adapters.folder_config import read_adapter_config
        from pointlora.adapters.loading import load_adapted_model
        from pointlora.training.devices.choice import evaluation_device

        folder = adapter_folder(adapter)
        self.device = evaluation_device(device, "device")
        config = read_adapter_config(folder)
        if config["base_model"]["task"] != self.task:
            raise AdapterError(f"{folder} is for {config['base_model']['task']}, not for {self.task}")
        self.read_outputs(folder, config)
        self.density = read_density(config)
        self.mesh_samples = read_mesh_samples(config)
        self.read_as(read_transform(folder, config), up_axis, missing_features)
        model, _ = load_adapted_model(folder, base)
        self.model: Any = model.to(self.device)

    @abstractmethod
    def read_outputs(self, folder: str | os.PathLike[str], config: dict[str, Any]) -> None:
        """Keep what the model's outputs mean.

        Args:
            folder: of the adapter, for messages.
            config: content of its `adapter_config.json`.

        Raises:
            AdapterError: if it doesn't say.
        """


def all_good(results: Iterable[Result | DataError]) -> list[Result]:
    """The results; the first error among them is raised."""
    good = []
    for result in results:
        if isinstance(result, DataError):
            raise result
        good.append(result)
    return good
