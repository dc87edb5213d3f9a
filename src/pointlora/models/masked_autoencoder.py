"""Point-MAE's masked autoencoder (Pang et al., ECCV 2022), for pre-training.

The encoder sees the visible patches only, and only these are tokenized: the published code tokenizes all patches and
then drops the masked ones. That gives the encoder the same input at 40% of the cost, the statistics of BatchNorm aside.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pointlora.errors import ConfigError, ShapeError
from pointlora.layers.drop_path import drop_path_rates
from pointlora.layers.linear import Linear
from pointlora.models.backbone import Backbone
from pointlora.models.method import TokenSequence, TokenSet
from pointlora.models.sizes import Sizes
from pointlora.models.transformer import DecoderBlock, initialize_weights
from pointlora.ops import chamfer_distance, gather_points
from pointlora.ops.grouping import Patches


class PretrainingOutput(NamedTuple):
    """What the masked autoencoder returns.

    Attributes:
        loss: Chamfer L2 between rebuilt and true masked patches, a scalar.
        rebuilt: (B, M, K, 3) rebuilt masked patches, relative to their centers.
        mask: (B, G) which patches were masked.
        centers: (B, G, 3).
    """

    loss: Tensor
    rebuilt: Tensor
    mask: Tensor
    centers: Tensor


class Decoder(nn.Module):
    """Blocks over [visible, masked] tokens; returns the last `num_masked` of them, normalised."""

    def __init__(self, dim: int, depth: int, num_heads: int, drop_path_rate: float) -> None:
        super().__init__()
        rates = drop_path_rates(drop_path_rate, depth)
        self.blocks = nn.ModuleList(DecoderBlock(dim, num_heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, positions: Tensor, num_masked: int) -> Tensor:
        for index, block in enumerate(self.blocks, 1):
            tokens = block(tokens + positions, num_masked if index == len(self.blocks) else None)
        return self.norm(tokens[:, -num_masked:])


class MaskedAutoencoder(nn.Module):
    """Rebuild masked patches from visible ones.

    Args:
        sizes: of the encoder.
        decoder_depth: blocks of the decoder.
        decoder_num_heads: its attention heads; by default the encoder's.
        mask_ratio: share of the patches that is masked, rounded down to whole patches.
    """

    task = "pretraining"

    def __init__(
        self, sizes: Sizes, decoder_depth: int = 4, decoder_num_heads: int | None = None, mask_ratio: float = 0.6
    ) -> None:
        super().__init__()
        if sizes.num_features:
            raise ConfigError(
                f"num_features is {sizes.num_features}, but pre-training knows x, y, z alone: leave it out"
            )
        self.sizes = sizes
        self.num_masked = int(mask_ratio * sizes.num_groups)
        if not 0 < self.num_masked < sizes.num_groups:
            raise ConfigError(
                f"mask_ratio {mask_ratio} of {sizes.num_groups} patches masks {self.num_masked}: "
                "at least one must be masked and one visible"
            )
        width = sizes.embed_dim
        self.encoder = self.build_encoder()
        self.mask_token = nn.Parameter(torch.empty(1, 1, width))
        self.decoder_position = nn.Sequential(Linear(3, 128), nn.GELU(), Linear(128, width))
        self.decoder = Decoder(width, decoder_depth, decoder_num_heads or sizes.num_heads, sizes.drop_path_rate)
        self.rebuild = Linear(width, 3 * sizes.group_size)
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        for part in (self.decoder_position, self.decoder, self.rebuild):
            part.apply(initialize_weights)

    def build_encoder(self) -> Backbone:
        return Backbone(self.sizes)

    def random_mask(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """(B, G) mask with `num_masked` patches of each cloud masked at random."""
        order = torch.rand(batch, self.sizes.num_groups, generator=generator).argsort(1)
        return order < self.num_masked

    def group(self, points: Tensor) -> Patches:
        """Cut clouds (B, N, 3) into patches.

        Raises:
            ShapeError: for a wrong shape or too few points.
        """
        return self.encoder.group(points)[0]

    def forward(
        self,
        points: Tensor,
        generator: torch.Generator | None = None,
        mask: Tensor | None = None,
        num_masked: int | None = None,
    ) -> PretrainingOutput:
        """Mask, encode, decode, compare.

        Args:
            points: (B, N, 3).
            generator: source of the random mask.
            mask: (B, G) True where masked, the same number in each cloud, instead of a random one.
            num_masked: how many `mask` hides of each cloud, where that is known: nothing is counted then, which on a
                GPU would wait for it.

        Raises:
            ShapeError: for wrong shapes, or a mask that hides different numbers of patches.
        """
        patches = self.group(points)
        if mask is None:
            mask, num_masked = self.random_mask(len(points), generator), self.num_masked
        else:
            num_masked = check_mask(mask, patches.centers.shape[:2], num_masked)
        visible, masked = split_patches(patches, mask.to(points.device), num_masked)
        decoded = self.decode(self.encode_visible(visible).patches, visible, masked)
        loss, rebuilt = self.rebuild_masked(decoded, masked)
        return PretrainingOutput(loss, rebuilt, mask, patches.centers)

    def encode_visible(self, visible: Patches) -> TokenSequence:
        """The sequence of the visible patches after all blocks and the final norm."""
        encoder = self.encoder
        own = TokenSet(encoder.tokenizer(visible.neighborhoods), encoder.position(visible.centers), visible.centers)
        sequence = encoder.assemble(own)
        return encoder.run_blocks(sequence, (len(encoder.blocks) - 1,))[0]

    def decode(self, encoded: Tensor, visible: Patches, masked: Patches) -> Tensor:
        """What the decoder makes of the masked patches, (B, M, C), from encoded visible patches (B, V, C)."""
        num_masked = masked.centers.shape[1]
        centers = torch.cat([visible.centers, masked.centers], 1)
        mask_tokens = self.mask_token.to(encoded.dtype).expand(len(encoded), num_masked, -1)
        decoded: Tensor = self.decoder(torch.cat([encoded, mask_tokens], 1), self.decoder_position(centers), num_masked)
        return decoded

    def rebuild_masked(self, decoded: Tensor, masked: Patches) -> tuple[Tensor, Tensor]:
        """The loss, and the rebuilt patches (B, M, K, 3), from what the decoder made of them, (B, M, C)."""
        rebuilt = self.rebuild(decoded).float().unflatten(-1, (-1, 3))
        loss = chamfer_distance(rebuilt.flatten(0, 1), masked.neighborhoods.flatten(0, 1), "l2")
        return loss, rebuilt


def check_mask(mask: Tensor, shape: torch.Size, known: int | None = None) -> int:
    """How many patches a (B, G) mask hides of each cloud; where that is known, they aren't counted.

    Raises:
        ShapeError: for another shape or type, or if it isn't the same number everywhere.
    """
    if mask.shape != shape or mask.dtype != torch.bool:
        raise ShapeError(f"mask must be {tuple(shape)} booleans, not {tuple(mask.shape)} of {mask.dtype}")
    if known is not None:
        return known
    counts = mask.sum(1)
    if (counts != counts[0]).any():
        raise ShapeError(
            f"the mask hides {counts.min()} to {counts.max()} patches: every cloud must hide the same number"
        )
    return int(counts[0])


def split_patches(patches: Patches, mask: Tensor, num_masked: int) -> tuple[Patches, Patches]:
    """Visible and masked patches, each in their order of sampling."""
    order = mask.to(torch.int8).argsort(dim=1, stable=True)
    border = mask.shape[1] - num_masked
    centers = gather_points(patches.centers, order)
    neighborhoods = gather_points(patches.neighborhoods.flatten(2), order).unflatten(-1, (-1, 3))
    return (
        Patches(centers[:, :border], neighborhoods[:, :border]),
        Patches(centers[:, border:], neighborhoods[:, border:]),
    )
