"""Classes that are described by text embeddings, without training: the nearest to a cloud's own embedding.

Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021. The embeddings are
the user's, from the text encoder that the network was trained beside (for Uni3D that of EVA02-CLIP-E-14-plus).
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.data.files.limits import check_file, data_error
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.errors import CheckpointError
from pointlora.models.checkpoints import load_checkpoint, models_reading
from pointlora.models.create import create_model
from pointlora.models.registry import get_family, list_models
from pointlora.models.weight_files import read_weights
from pointlora.prediction.predictor import TorchClassifier
from pointlora.training.devices.choice import evaluation_device

# As published for Uni3D.
NUM_POINTS = 10_000


class Similarities(NamedTuple):
    """Scaled cosines (B, C) of clouds and classes."""

    logits: Tensor


class EmbeddedClasses(nn.Module):
    """A model of task `embedding` as a classifier: the cosine with each class, times the model's scale.

    Args:
        model: points to embeddings (B, E), with a `logit_scale`.
        embeddings: (C, E) of the classes.
    """

    classes: Tensor

    def __init__(self, model: Any, embeddings: NDArray[np.float32]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("classes", F.normalize(torch.from_numpy(embeddings), dim=-1))

    def forward(self, points: Tensor) -> Similarities:
        model: Any = self.model
        cosines = F.normalize(model(points), dim=-1) @ self.classes.t()
        return Similarities(model.logit_scale.exp() * cosines)


class ZeroShotPredictor(TorchClassifier):
    """Classifies files by the text embeddings of classes.

    Args:
        base: file with the weights of a network that has an embedding, such as Uni3D's `model.pt`.
        classes: .npz file with `names` (C,) and `embeddings` (C, E).
        device: `auto`, `cpu` or `cuda`.
        up_axis: the axis that points up in the files, if it isn't y as in pre-training.

    Raises:
        CheckpointError: if the weights can't be read, or are of a network without an embedding.
        DataError: if the classes can't be read, or their embeddings have another width.
        ConfigError: for an unknown device or axis.
    """

    def __init__(
        self,
        base: str | os.PathLike[str],
        classes: str | os.PathLike[str],
        device: str = "auto",
        up_axis: str | None = None,
    ) -> None:
        self.device = evaluation_device(device, "device")
        self.class_names, embeddings = read_classes(Path(classes))
        self.read_as(PointTransform(TransformConfig(num_points=NUM_POINTS), train=False), up_axis, "error")
        model = _open_model(base)
        width = model.projection.out_features
        if embeddings.shape[1] != width:
            problem = f"its embeddings have {embeddings.shape[1]} numbers each, but those of {base} have {width}"
            raise data_error(Path(classes), problem, "take the text encoder that the network was trained beside")
        self.model = EmbeddedClasses(model, embeddings).eval().to(self.device)


def read_classes(path: Path) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Names and embeddings (C, E) of classes.

    Raises:
        DataError: if the file can't be read, or holds something else.
    """
    check_file(path)
    fix = "expected an .npz file with names (C,) and embeddings (C, E)"
    try:
        with np.load(path, allow_pickle=False) as file:
            names, embeddings = file["names"], file["embeddings"]
    except (ValueError, KeyError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise data_error(path, f"holds no classes ({' '.join(str(error).split())[:100]})", fix) from error
    if names.ndim != 1 or names.dtype.kind != "U" or embeddings.ndim != 2 or embeddings.dtype.kind != "f":
        raise data_error(path, f"names are {names.dtype} {names.shape}, embeddings {embeddings.shape}", fix)
    if not 0 < len(names) == len(embeddings) == len(set(names.tolist())):
        raise data_error(path, f"it has {len(set(names.tolist()))} names and {len(embeddings)} embeddings", fix)
    if not (np.isfinite(embeddings).all() and np.abs(embeddings).sum(1).all()):
        raise data_error(path, "an embedding is zero or not finite", "make the embeddings again")
    return tuple(names.tolist()), embeddings.astype(np.float32)


def _open_model(base: str | os.PathLike[str]) -> Any:
    """The network of a weight file, for embeddings."""
    weights, name = read_weights(base)
    able = [model for model in list_models() if "embedding" in get_family(model).tasks]
    fitting = [model for model in models_reading(weights) if model in able]
    if not fitting:
        raise CheckpointError(f"{name} is of no network with an embedding; those are {', '.join(able)}")
    model = create_model(fitting[0], "embedding")
    load_checkpoint(model, weights)
    return model
