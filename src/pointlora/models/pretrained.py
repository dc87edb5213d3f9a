"""Pre-trained weights that come with the package, so that nothing has to be downloaded.

They have versions: what was trained on one, an adapter above all, needs that one. `pretrained` means the newest.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from pointlora.errors import CheckpointError

# What `model.checkpoint` says instead of a path.
PRETRAINED = "pretrained"
FOLDER = Path(__file__).resolve().parents[1] / "weights"
# Model -> version -> SHA-256 of FOLDER/<model>@<version>.safetensors; the model card <model>.md beside it says how the
# files were made.
SHA256 = {
    "point_mae_tiny": {
        1: "90459c96336c56aa8529fc0dc4f0be7df13df43ef7fe9581e1230c4c4a9ec6cf",
        2: "a65c0440b02aa80bff4d5c576829a2b2fef639bfb8c2107f9504ead390d70480",
    },
}

_VERSION = re.compile(r"(\w+)@(\d{1,6})")


def list_pretrained() -> list[str]:
    """Names of the models that have weights in the package, sorted."""
    return sorted(SHA256)


def pretrained_file(name: str, version: int | None = None) -> Path:
    """A weight file of a model in the package, checked against its hash.

    Args:
        name: registry name.
        version: of the weights; by default the newest.

    Raises:
        CheckpointError: if the package has no weights for the model or no such version, or the file is missing or was
            changed.
    """
    versions = _versions(name)
    version = max(versions) if version is None else version
    if version not in versions:
        raise CheckpointError(
            f"the package holds no weights {name}@{version} (only "
            f"{', '.join(f'{name}@{number}' for number in sorted(versions))})"
        )
    path = FOLDER / f"{name}@{version}.safetensors"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: install pointlora again") from None
    found = hashlib.sha256(content).hexdigest()
    if found != versions[version]:
        raise CheckpointError(
            f"{path} is damaged or was changed: its SHA-256 is {found[:12]}…, not {versions[version][:12]}…; "
            "install pointlora again"
        )
    return path


def settled_source(source: str | None, name: str, began_with: str | None = None) -> str | None:
    """A setting with the version that it means, `point_mae_tiny@1`, in place of `pretrained`.

    Others are returned as they are, and so is `pretrained` for a model without weights in the package.

    Args:
        source: the setting.
        name: registry name of the model.
        began_with: what `recorded_source` gives of a run that goes on: it keeps its version. The newest otherwise.
    """
    if source != PRETRAINED or name not in SHA256:
        return source
    named = version_named(began_with or "")
    return began_with if named is not None and named[0] == name else f"{name}@{max(SHA256[name])}"


def package_source(pretrained: bool | str, name: str) -> str:
    """The version that `create_model` is asked for, `point_mae_tiny@1`.

    Args:
        pretrained: True or `pretrained` for the newest, or a version by its name.
        name: registry name of the model.

    Raises:
        CheckpointError: if the package has no weights for the model, or what is given names no version. A bare number
            would be read as a version by some and as true by others.
    """
    newest = f"{name}@{max(_versions(name))}"
    source = newest if pretrained is True or pretrained == PRETRAINED else pretrained
    if not isinstance(source, str) or version_named(source) is None:
        raise CheckpointError(
            f"pretrained is {repr(source)[:100]}, but must be True or a version of the weights in the package, such as "
            f"{newest!r}; load_checkpoint reads files"
        )
    return source


def recorded_source(source: str | None, name: str) -> str | None:
    """What a file of settings says: where it says `pretrained`, it is from when there was version 1 alone."""
    return f"{name}@1" if source == PRETRAINED and name in SHA256 else source


def locate_weights(source: str | os.PathLike[str], name: str) -> str | os.PathLike[str]:
    """The file that a setting means: a path as it is, or the package's own file of model `name`.

    Args:
        source: a path; `pretrained`, the newest weights in the package; or one version of them, `point_mae_tiny@1`.
        name: registry name of the model that they are for.

    Raises:
        CheckpointError: as `pretrained_file` does, or for a version of another model's weights.
    """
    if source == PRETRAINED:
        return pretrained_file(name)
    named = version_named(source)
    if named is None:
        return source
    if named[0] != name:
        raise CheckpointError(f"{source} are weights of {named[0]}, but the model is {name}")
    return pretrained_file(*named)


def version_named(source: str | os.PathLike[str]) -> tuple[str, int] | None:
    """Model and version that a setting like `point_mae_tiny@1` names; None for a path. A file of that name is
    `./point_mae_tiny@1`.
    """
    found = _VERSION.fullmatch(str(source))
    if found is None or found[1] not in SHA256:
        return None
    return found[1], int(found[2])


def version_of(path: str | os.PathLike[str]) -> str | None:
    """`point_mae_tiny@1` where a file is the package's own of that name or a copy of it, else None."""
    sizes = {file.stat().st_size for file in FOLDER.glob("*.safetensors")}
    if os.path.getsize(path) not in sizes:
        return None
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    known = {value: f"{name}@{number}" for name, versions in SHA256.items() for number, value in versions.items()}
    return known.get(found)


def _versions(name: str) -> dict[int, str]:
    if name not in SHA256:
        raise CheckpointError(
            f"the package holds no pre-trained weights of {name} (only of {', '.join(list_pretrained())}): "
            "load an official file with load_checkpoint, or give its path"
        )
    return SHA256[name]
