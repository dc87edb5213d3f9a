"""Labelled clouds on disk, in the layouts that part segmentation reads, and figures of labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import pointlora
from adapter_samples import NUM_POINTS, SIZES, write_base
from pointlora.data.parts.space import PartSpace
from pointlora.training.part_segmentation.metrics import PartMetrics, metrics_from_counts, shape_counts


def labelled_cloud(size: int, parts: tuple[int, ...], seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points (N, 3) and labels (N,) that their height decides."""
    points = np.random.default_rng(seed).uniform(-1, 1, (size, 3)).astype(np.float32)
    places = np.minimum(((points[:, 2] + 1) / 2 * len(parts)).astype(int), len(parts) - 1)
    return points, np.array(parts)[places]


def write_text(path: Path, points: NDArray, labels: NDArray) -> Path:
    """x y z nx ny nz part, as ShapeNetPart has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    normals = np.full_like(points, 3**-0.5)
    np.savetxt(path, np.column_stack([points, normals, labels]), fmt="%.6f")
    return path


def write_npz(path: Path, points: NDArray, labels: NDArray) -> Path:
    """Arrays points and labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, points=points, labels=labels)
    return path


def write_shapenetpart(root: Path, size: int = 80, shapes: int = 3) -> Path:
    """Airplanes and laptops: so many shapes of each in train, two in val and two in test."""
    lines = {"Airplane": "02691156", "Laptop": "03642806"}
    root.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{name}\t{synset}\n" for name, synset in lines.items())
    (root / "synsetoffset2category.txt").write_text(text, encoding="utf-8")
    parts = {"Airplane": (0, 1, 2, 3), "Laptop": (28, 29)}
    for split, count in (("train", shapes), ("val", 2), ("test", 2)):
        entries = []
        for name, synset in lines.items():
            for number in range(count):
                shape = f"{split}{number}"
                entries.append(f"shape_data/{synset}/{shape}")
                write_text(root / synset / f"{shape}.txt", *labelled_cloud(size + number, parts[name], seed=number))
        lists = root / "train_test_split"
        lists.mkdir(exist_ok=True)
        (lists / f"shuffled_{split}_file_list.json").write_text(json.dumps(entries), encoding="utf-8")
    return root


def write_part_folder(root: Path, categories: dict[str, tuple[int, ...]] | None = None, size: int = 80) -> Path:
    """Five .npz files a category, or six files without categories, with labels 0, 1 and 2."""
    for name, parts in (categories or {"": (0, 1, 2)}).items():
        for number in range(5 if categories else 6):
            write_npz(root / name / f"cloud{number}.npz", *labelled_cloud(size, parts, seed=number))
    return root


SPACE = PartSpace(
    ("chair back", "chair seat", "chair leg", "mug body", "mug $x$"), ("Chair", "mug"), ((0, 1, 2), (3, 4))
)
PLAIN_SPACE = PartSpace(("a", "b", "c"))


def write_part_adapter(folder: Path, space: PartSpace = SPACE, **extra: Any) -> Path:
    """An adapter in `folder` that tells parts apart by random weights, and `base.safetensors` beside the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    base = write_base(folder.parent / "base.safetensors")
    torch.manual_seed(1)
    counts = {"num_parts": space.num_parts, "num_categories": space.num_categories}
    model = pointlora.create_model("point_mae_tiny", "part_segmentation", **SIZES, **counts)
    pointlora.load_checkpoint(model, base)
    pointlora.apply_method(model, "pointlora")
    with torch.no_grad():
        for name, parameter in model.head.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=2 / parameter.shape[1] ** 0.5)
            elif name.endswith("bias"):
                parameter.zero_()
        # A point's own place decides, more than the cloud that it is of.
        model.head.local[0].weight[:, :3].normal_(std=3.0)
        points = torch.randn(1, NUM_POINTS, 3) / 3
        category = torch.zeros(1, dtype=torch.int64) if space.num_categories else None
        scores = model.eval()(points, category).logits[0]
        model.head.joint[-1].weight /= scores.std(0)[:, None]
        model.head.joint[-1].bias.copy_(-scores.mean(0) / scores.std(0))
    preprocessing = {"num_points": NUM_POINTS, "normalize": True, "up_axis": "z"}
    extra = {"parts": space.as_dict(), "metrics": {}} | extra
    return pointlora.save_adapter(model, folder, None, preprocessing, "../base.safetensors", **extra)


def part_metrics(
    truth: Sequence[NDArray[np.int64]],
    predicted: Sequence[NDArray[np.int64]],
    category: Sequence[int] | None,
    space: PartSpace,
) -> PartMetrics:
    """Figures from the labels of any number of shapes of any sizes.

    Args:
        truth: (N_i,) labels of each shape.
        predicted: (N_i,) labels of each shape.
        category: of each shape; None without categories.
        space: parts and categories.
    """
    numbers = [0] * len(truth) if category is None else [int(number) for number in category]
    rows = [
        shape_counts(
            torch.from_numpy(np.asarray(real, dtype=np.int64))[None],
            torch.from_numpy(np.asarray(found, dtype=np.int64))[None],
            torch.tensor([number]),
            space,
        )
        for real, found, number in zip(truth, predicted, numbers, strict=True)
    ]
    width = 3 + 2 * max(map(len, space.parts_of))
    return metrics_from_counts(torch.cat(rows).numpy() if rows else np.zeros((0, width), np.int64), space)
