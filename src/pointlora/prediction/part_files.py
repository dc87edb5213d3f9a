"""Where the labels of a user's files are written to, and the writing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pointlora.atomic import write_atomically
from pointlora.errors import ConfigError

if TYPE_CHECKING:
    from pointlora.prediction.part_prediction import PartPrediction

CLOUD, LABELS, PICTURE = "_parts.ply", "_parts.npy", "parts.png"


def plan_outputs(files: Sequence[Path], folder: str | os.PathLike[str]) -> list[Path]:
    """Where the labels of each file go: a path in `folder` without an ending; `write_prediction` adds these.

    Files lie in sub-folders as they do below the folder that they have in common. Two of one name that differ in their
    suffix keep it: `a.ply` and `a.xyz` become `a.ply_parts.ply` and `a.xyz_parts.ply`.

    Raises:
        ConfigError: if `folder` is a file, or one of `files` would be overwritten.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--output {folder} is a file; labels are written into a folder")
    if not files:
        return []
    places = [Path(os.path.abspath(path)) for path in files]
    common = Path(os.path.commonpath([place.parent for place in places]))
    counts = Counter(place.with_suffix("") for place in set(places))
    outputs = [
        folder / (place if counts[place.with_suffix("")] > 1 else place.with_suffix("")).relative_to(common)
        for place in places
    ]
    inputs = {place.resolve(): path for place, path in zip(places, files, strict=True)}
    makers: dict[Path, Path] = {}
    for place, output in zip(places, outputs, strict=True):
        for target in (named(output, CLOUD), named(output, LABELS), folder / PICTURE):
            if target.resolve() in inputs:
                raise ConfigError(f"{inputs[target.resolve()]} would be overwritten: choose another --output")
        if makers.setdefault(output, place) != place:
            raise ConfigError(f"{place} and {makers[output]} would both be written to {output}: rename one of them")
    return outputs


def write_prediction(prediction: PartPrediction, output: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write `<output>_parts.ply`, see `write_labelled_ply`, and `<output>_parts.npy`: int64, one label per row.

    Each is written whole or not at all; folders are made. Comments in the PLY's header say which label is which part.

    Args:
        prediction: of one file.
        output: a path without an ending.

    Returns:
        both paths.

    Raises:
        DataError: if the PLY can't hold what the file has.
        OSError: if a file can't be written.
    """
    from pointlora.data.files.ply_labelled import write_labelled_ply
    from pointlora.data.parts.colors import part_colors

    cloud_path, labels_path = named(Path(output), CLOUD), named(Path(output), LABELS)
    cloud_path.parent.mkdir(parents=True, exist_ok=True)
    colors = part_colors(prediction.space)
    names = {number: name for name, number in prediction.numbers.items()}
    write_labelled_ply(cloud_path, prediction.cloud, prediction.labels, colors[prediction.parts], names)
    write_atomically(labels_path, lambda file: np.save(file, prediction.file_labels))
    return cloud_path, labels_path


def named(output: Path, ending: str) -> Path:
    """`output` with an ending; what stands behind a dot in its name stays."""
    return output.with_name(output.name + ending)
