"""One file, from the start of a process to the answer."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ..children import child_command, run_process
from ..settings import Case, Context


def startup(context: Context) -> Case:
    """`pointlora predict` against a script that loads a whole checkpoint; the floor is `import torch` alone."""
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name)
    _write_files(context, root)
    settings = context.settings
    spec = {
        "what": "predict",
        "model": settings.model,
        "checkpoint": str(root / "plain.pth"),
        "file": str(root / "cloud.npy"),
        "threads": settings.threads,
        "device": settings.device,
    }
    arguments = [str(root / "cloud.npy"), "--adapter", str(root / "adapter"), "--device", settings.device]

    ours = [sys.executable, "-m", "pointlora.cli.main", "predict", *arguments]

    def import_torch() -> float:
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            run_process([sys.executable, "-c", "import torch"], settings.threads)
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    variants = {
        "ours": lambda: run_process(ours, settings.threads),
        "plain": lambda: run_process(child_command(spec, plain=True), settings.threads, plain=True),
    }
    return Case(variants, fixed_floor=import_torch, keep=folder)


def _write_files(context: Context, root: Path) -> None:
    """A cloud, an official pre-trained file, an adapter on it, and a whole checkpoint of the plain model."""
    import torch

    from pointlora import load_checkpoint, save_adapter

    from ..models import our_classifier, plain_classifier

    settings = context.settings
    np.save(root / "cloud.npy", context.clouds(1, settings.num_points)[0].cpu().numpy())
    pretrained = {"base_model": context.autoencoders.plain.cpu().state_dict()}
    torch.save(pretrained, root / "base.pth")
    context.autoencoders.plain.to(context.device)
    ours = our_classifier(settings.model)
    load_checkpoint(ours, root / "base.pth")
    names = [f"class {number}" for number in range(ours.num_classes)]
    preparation = {"num_points": settings.num_points, "normalize": True, "up_axis": "y"}
    save_adapter(ours, root / "adapter", names, preparation, str(root / "base.pth"))
    torch.save({"base_model": plain_classifier(settings.model).state_dict()}, root / "plain.pth")
