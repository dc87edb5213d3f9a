"""A part for every point of a user's own files, with the preprocessing that the adapter was trained with."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pointlora.prediction.opening import AdaptedPredictor
from pointlora.prediction.part_labelling import PartLabeller

if TYPE_CHECKING:
    from pointlora.models.segmenter import PartSegmenter


class PartPredictor(AdaptedPredictor, PartLabeller):
    """An adapter for part segmentation on its backbone, ready for files; arguments are those of `AdaptedPredictor`."""

    task = "part_segmentation"
    model: PartSegmenter
    # A multiple of the head's own blocks, so that the block that a point is in doesn't depend on this number.
    points_at_once = 65_536

    def read_outputs(self, folder: str | os.PathLike[str], config: dict[str, Any]) -> None:
        """Keep the parts and categories."""
        from pointlora.adapters.loading import adapter_parts

        self.space = adapter_parts(folder, config)

    @property
    def min_points(self) -> int:  # type: ignore[override]
        """Points of a patch."""
        return self.model.sizes.group_size

    def choose_parts(
        self, seen: NDArray[np.float32], blocks: Iterable[NDArray[np.float32]], category: int
    ) -> NDArray[np.int64]:
        import torch

        from pointlora.training.part_segmentation.metrics import predict_parts

        which = torch.tensor([category], device=self.device)
        allowed = torch.from_numpy(self.space.allowed).to(self.device)
        parts: list[NDArray[np.int64]] = []
        with torch.no_grad():
            known = which if self.space.categories else None
            features = self.model.encode_clouds(torch.from_numpy(seen[None]).to(self.device), known)
            for block in blocks:
                scores = self.model.score(features, torch.from_numpy(block[None]).to(self.device))
                parts.append(predict_parts(scores, which, allowed)[0].cpu().numpy())
        return np.concatenate(parts)
