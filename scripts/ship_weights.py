"""Put the encoder of a pre-training run into the package: `python scripts/ship_weights.py RUN VERSION [--teacher]`.

With --teacher it is the teacher's, the moving average of the encoder, where the run has one.

Writes src/pointlora/weights/<model>@VERSION.safetensors in bfloat16 and <model>@VERSION.csv, the losses of the run, and
prints the SHA-256 that belongs into `pointlora.models.pretrained.SHA256`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from pointlora.atomic import write_atomically
from pointlora.models.pretrained import FOLDER


def ship(run: Path, version: int, folder: Path = FOLDER, teacher: bool = False) -> str:
    """Write both files; returns the hash."""
    with safe_open(run / ("teacher.safetensors" if teacher else "model.safetensors"), "pt") as file:  # type: ignore[no-untyped-call]
        metadata = file.metadata()
        weights = {key: file.get_tensor(key) for key in file.keys() if key.startswith("encoder.")}  # noqa: SIM118
    # Where things lay on the machine that trained is nobody's business.
    recipe = json.loads(metadata["recipe"])
    recipe["corpus"]["root"] = recipe["data"]["root"] = None
    del recipe["output"]
    metadata["recipe"] = json.dumps(recipe)
    for key, value in weights.items():
        # Running statistics stay as they are: they are few, and variances span orders of magnitude.
        if value.is_floating_point() and "running_" not in key:
            weights[key] = value.to(torch.bfloat16)
    content = save(weights, metadata)
    target = folder / f"{metadata['model']}@{version}.safetensors"
    write_atomically(target, lambda file: file.write(content))
    shutil.copyfile(run / "metrics.csv", target.with_suffix(".csv"))
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a pre-training run that has ended")
    parser.add_argument("version", type=int, help="of the weights in the package")
    parser.add_argument("--teacher", action="store_true", help="the moving average of the encoder")
    arguments = parser.parse_args()
    print(ship(arguments.run, arguments.version, teacher=arguments.teacher))


if __name__ == "__main__":
    main()
