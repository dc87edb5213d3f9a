"""Batches of pre-training: clouds with the patches that are hidden and the second view, drawn where clouds are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import Dataset

from pointlora.data.batches import ClassificationLoaderDataset
from pointlora.data.sampling import Key
from pointlora.models.two_views import OwnView, SecondView
from pointlora.training.pretraining.views import second_views
from pointlora.training.randomness import patch_masks


class Views(NamedTuple):
    """What is to be drawn for each cloud.

    Attributes:
        seed: of the run.
        num_groups: patches per cloud, G.
        num_masked: how many of them are hidden.
        up_axis: the second view is turned about it; None for no second view.
    """

    seed: int
    num_groups: int
    num_masked: int
    up_axis: str | None


class PretrainingBatch(NamedTuple):
    """One batch.

    Attributes:
        points, labels, index: see `ClassificationBatch`.
        mask: (B, G) True where a patch is hidden.
        view: how the second view differs; None where there is none.
    """

    points: Tensor
    labels: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    mask: Tensor
    view: SecondView | OwnView | None


class PretrainingLoaderDataset(Dataset[PretrainingBatch]):
    """Adds to clouds what is drawn for them, each draw a function of (seed, epoch, index).

    Args:
        inner: gives the clouds.
        views: what to draw.
    """

    def __init__(self, inner: ClassificationLoaderDataset, views: Views) -> None:
        self.inner, self.views = inner, views

    def __len__(self) -> int:
        return len(self.inner)

    def __getitems__(self, keys: Sequence[Key]) -> PretrainingBatch:
        """The batch of these samples, collated.

        Raises:
            DataError: if a cloud cannot be read, has too few points or holds NaN.
        """
        seed, groups, masked, up_axis = self.views
        view = None if up_axis is None else second_views(seed, keys, groups, masked, up_axis)
        return PretrainingBatch(*self.inner.__getitems__(keys), patch_masks(seed, keys, groups, masked), view)
