"""Pre-trained weights that come with the package, so that nothing has to be downloaded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pointlora.errors import CheckpointError

# What `model.checkpoint` and an adapter's `checkpoint` say instead of a path.
PRETRAINED = "pretrained"
FOLDER = Path(__file__).resolve().parents[1] / "weights"
# Model -> SHA-256 of FOLDER/<model>.safetensors; the model card <model>.md beside it says how the file was made.
SHA256 = {"point_mae_tiny": "90459c96336c56aa8529fc0dc4f0be7df13df43ef7fe9581e1230c4c4a9ec6cf"}


def list_pretrained() -> list[str]:
    """Names of the models that have weights in the package, sorted."""
    return sorted(SHA256)


def pretrained_file(name: str) -> Path:
    """The weight file of a model in the package, checked against its hash.

    Args:
        name: registry name.

    Raises:
        CheckpointError: if the package has no weights for the model, or the file is missing or was changed.
    """
    if name not in SHA256:
        raise CheckpointError(
            f"the package holds no pre-trained weights of {name} (only of {', '.join(list_pretrained())}): "
            "load an official file with load_checkpoint, or give its path"
        )
    path = FOLDER / f"{name}.safetensors"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: install pointlora again") from None
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise CheckpointError(
            f"{path} is damaged or was changed: its SHA-256 is {found[:12]}…, not {SHA256[name][:12]}…; "
            "install pointlora again"
        )
    return path


def locate_weights(source: str | os.PathLike[str], name: str) -> str | os.PathLike[str]:
    """The file that a setting means: a path as it is, or for `pretrained` the package's own file of model `name`.

    Raises:
        CheckpointError: as `pretrained_file` does.
    """
    return pretrained_file(name) if source == PRETRAINED else source
