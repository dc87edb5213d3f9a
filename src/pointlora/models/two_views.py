"""Masked autoencoding with further objectives beside it.

A masked autoencoder alone learns local geometry; what separates whole objects has to come from elsewhere (ReCon, Qi et
al., ICML 2023). Here the encoder sees two views of each cloud, other patches, moved in another way, and its
summaries of them can be drawn together (SimCLR, Chen et al., ICML 2020) and classified. The hidden patches of the first
view can also be predicted as a teacher sees them (`pointlora.models.latent_targets`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pointlora.checks import check_integer
from pointlora.errors import ShapeError
from pointlora.layers.linear import Linear
from pointlora.models.class_token import ClassTokenBackbone
from pointlora.models.latent_targets import Teacher
from pointlora.models.masked_autoencoder import MaskedAutoencoder, check_mask, split_patches
from pointlora.models.sizes import Sizes
from pointlora.models.transformer import initialize_weights
from pointlora.ops.grouping import Patches


class TwoViewOutput(NamedTuple):
    """What the autoencoder of two views returns.

    Attributes:
        loss: Chamfer L2 of the first view's masked patches, a scalar.
        embeddings: (2, B, D) float32, of both views, not normalised; None without `contrast_dim`.
        category_logits: (2, B, categories) float32; None without `num_categories`.
        latent: smooth L1 distance of the first view's masked patches to the teacher's, a scalar; None without one.
    """

    loss: Tensor
    embeddings: Tensor | None
    category_logits: Tensor | None
    latent: Tensor | None


class SecondView(NamedTuple):
    """How the second view of each cloud differs from the first.

    Attributes:
        mask: (B, G) True where it hides a patch.
        direction: (B, 3) where it isn't zero, the patches farthest in this direction are seen instead, as many: a part
            of the object in one piece.
        linear_map: (B, 3, 3), by which points are multiplied from the right.
        shift: (B, 3), added afterwards.
    """

    mask: Tensor
    direction: Tensor
    linear_map: Tensor
    shift: Tensor


class OwnView(NamedTuple):
    """A second view that is a cloud of its own.

    Attributes:
        points: (B, N, 3).
        mask: (B, G) True where a patch of it is hidden; it may hide fewer than the first view's.
        num_masked: how many it hides.
    """

    points: Tensor
    mask: Tensor
    num_masked: int


class EncoderWithClassToken(ClassTokenBackbone):
    """The encoder: a class token and the visible patches."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.build_prefix()


class TwoViewAutoencoder(MaskedAutoencoder):
    """A masked autoencoder with a class token, which also compares two views of a cloud and names its category.

    Args:
        sizes, decoder_depth, decoder_num_heads, mask_ratio: see `MaskedAutoencoder`.
        contrast_dim: width D of the embeddings that are compared; 0 for none.
        num_categories: 0 for none.
        teacher_momentum: of the teacher whose view of the hidden patches is predicted; None for no teacher.
    """

    def __init__(
        self,
        sizes: Sizes,
        decoder_depth: int = 4,
        decoder_num_heads: int | None = None,
        mask_ratio: float = 0.6,
        contrast_dim: int = 128,
        num_categories: int = 0,
        teacher_momentum: float | None = None,
    ) -> None:
        super().__init__(sizes, decoder_depth, decoder_num_heads, mask_ratio)
        for name, value in (("contrast_dim", contrast_dim), ("num_categories", num_categories)):
            check_integer(name, value, 0)
        summary = 2 * sizes.embed_dim
        self.contrast_head = (
            nn.Sequential(Linear(summary, summary), nn.GELU(), Linear(summary, contrast_dim)) if contrast_dim else None
        )
        self.category_head = Linear(summary, num_categories) if num_categories else None
        width = sizes.embed_dim
        self._momentum = teacher_momentum
        self.predict_latent = None if teacher_momentum is None else Linear(width, width)
        for part in (self.contrast_head, self.category_head, self.predict_latent):
            if part is not None:
                part.apply(initialize_weights)
        self.renew_teacher()

    def renew_teacher(self) -> None:
        """Begin the teacher's average, if there is one, with the encoder as it is now."""
        self.teacher = None if self._momentum is None else Teacher(self.encoder, self._momentum)

    def build_encoder(self) -> ClassTokenBackbone:
        return EncoderWithClassToken(self.sizes)

    def forward(  # type: ignore[override]
        self, points: Tensor, mask: Tensor, second_view: SecondView | OwnView, num_masked: int | None = None
    ) -> TwoViewOutput:
        """Encode both views, rebuild what the first one hides.

        Args:
            points: (B, N, 3).
            mask: (B, G) True where the first view hides a patch, the same number in each cloud.
            second_view: as patches of the first, of which its mask hides as many, or as a cloud of its own.
            num_masked: how many both hide, see `MaskedAutoencoder.forward`.

        Raises:
            ShapeError: for wrong shapes, or masks that hide different numbers of patches.
        """
        if isinstance(second_view, OwnView):
            return self._compare_clouds(points, mask, second_view, num_masked)
        patches = self.group(points)
        shape = patches.centers.shape[:2]
        first_masked, second_masked = (check_mask(each, shape, num_masked) for each in (mask, second_view.mask))
        if first_masked != second_masked:
            raise ShapeError(f"both masks must hide the same number of patches, and the first hides {first_masked}")
        first, masked = split_patches(patches, mask.to(points.device), first_masked)
        second = see(patches, second_view, first_masked)
        sequence = self.encode_visible(_joined(first, second))
        encoder: ClassTokenBackbone = self.encoder  # type: ignore[assignment]
        encoded, summaries = sequence.patches[: len(points)], encoder.pool(sequence)
        return self._output(patches, mask, encoded, first, masked, summaries)

    def _compare_clouds(self, points: Tensor, mask: Tensor, second: OwnView, num_masked: int | None) -> TwoViewOutput:
        both = self.group(torch.cat([points, second.points]))
        count = len(points)
        patches, others = map(Patches, both.centers.chunk(2), both.neighborhoods.chunk(2))
        shape = patches.centers.shape[:2]
        hidden = check_mask(mask, shape, num_masked)
        first, masked = split_patches(patches, mask, hidden)
        seen, _ = split_patches(others, second.mask, check_mask(second.mask, shape, second.num_masked))
        encoder: ClassTokenBackbone = self.encoder  # type: ignore[assignment]
        if first.centers.shape == seen.centers.shape:
            sequence = self.encode_visible(_joined(first, seen))
            encoded, summaries = sequence.patches[:count], encoder.pool(sequence)
        else:
            sequences = [self.encode_visible(each) for each in (first, seen)]
            encoded, summaries = sequences[0].patches, torch.cat([encoder.pool(each) for each in sequences])
        return self._output(patches, mask, encoded, first, masked, summaries)

    def _output(
        self, patches: Patches, mask: Tensor, encoded: Tensor, visible: Patches, masked: Patches, summaries: Tensor
    ) -> TwoViewOutput:
        """Of the first view's encoded visible patches (B, V, C) and both views' summaries (2B, 2C)."""
        decoded = self.decode(encoded, visible, masked)
        loss, _ = self.rebuild_masked(decoded, masked)
        latent = None
        if self.teacher is not None and self.predict_latent is not None:
            targets = self.teacher.targets(patches)
            # In the order of `split_patches`.
            order = mask.to(targets.device, torch.int8).argsort(dim=1, stable=True)[:, -decoded.shape[1] :]
            wanted = targets.gather(1, order[..., None].expand(-1, -1, targets.shape[-1]))
            latent = functional.smooth_l1_loss(self.predict_latent(decoded).float(), wanted)
        embeddings, logits = (_per_view(head, summaries) for head in (self.contrast_head, self.category_head))
        return TwoViewOutput(loss, embeddings, logits, latent)


def _joined(first: Patches, second: Patches) -> Patches:
    return Patches(torch.cat([first.centers, second.centers]), torch.cat([first.neighborhoods, second.neighborhoods]))


def _per_view(head: nn.Module | None, summaries: Tensor) -> Tensor | None:
    """Summaries (2B, 2C) through a head to (2, B, outputs) float32."""
    return None if head is None else head(summaries).float().unflatten(0, (2, -1))


def see(patches: Patches, view: SecondView, num_masked: int) -> Patches:
    """The patches of a view, moved. Neighbours are those of the cloud as it was: the maps are nearly isotropic."""
    view = SecondView(*(part.to(patches.centers.device) for part in view))
    heights = (patches.centers @ view.direction[..., None]).squeeze(-1)
    lowest = heights.argsort(1)[:, :num_masked]
    behind = torch.zeros_like(view.mask).scatter_(1, lowest, True)
    from_one_side = view.direction.any(1, keepdim=True)
    seen, _ = split_patches(patches, torch.where(from_one_side, behind, view.mask), num_masked)
    neighborhoods = (seen.neighborhoods.flatten(1, 2) @ view.linear_map).view_as(seen.neighborhoods)
    return Patches(seen.centers @ view.linear_map + view.shift[:, None], neighborhoods)


def build_autoencoder(
    sizes: Sizes,
    decoder_depth: int = 4,
    decoder_num_heads: int | None = None,
    mask_ratio: float = 0.6,
    contrast_dim: int = 0,
    num_categories: int = 0,
    teacher_momentum: float | None = None,
) -> MaskedAutoencoder:
    """The published masked autoencoder, or that of two views where one of its objectives is wanted."""
    if contrast_dim or num_categories or teacher_momentum is not None:
        return TwoViewAutoencoder(
            sizes, decoder_depth, decoder_num_heads, mask_ratio, contrast_dim, num_categories, teacher_momentum
        )
    return MaskedAutoencoder(sizes, decoder_depth, decoder_num_heads, mask_ratio)
