"""PointGST (Liang et al., "Parameter-efficient fine-tuning in spectral domain for point cloud learning", TPAMI 2025,
arXiv 2410.08114).

Beside each block's MLP stands an adapter whose middle works in the Fourier basis of graphs of the patches: one of all
patches, and one of each run of neighbouring ones.

The bases aren't those of the release. It multiplies by the eigenvectors where a Fourier transform multiplies by their
transpose, so that its logits change with signs that no library promises; it scales all graphs of a batch by the
smallest distance in it, which torch's fast distances may invent, so that a cloud's logits depend on its batch. Here
distances are exact, each cloud has a scale of its own, and signs are fixed. Weights and all else are the release's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.layers.linear import Linear
from pointlora.methods.branches import Tap, add_branch
from pointlora.methods.settings.pointgst import PointGstConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, TokenSequence, TokenSet, rename_keys
from pointlora.ops import gather_points
from pointlora.ops.graph_spectrum import fourier_basis, smallest_distance, z_order

_ADAPTER = r"blocks\.blocks\.(\d+)\.gft_adapter\."
_RELEASE_KEYS: tuple[tuple[str, str | None], ...] = (
    (_ADAPTER + r"norm_ly1\.(.*)$", r"method.adapters.\1.norm_all.\2"),
    (_ADAPTER + r"norm_ly2\.(.*)$", r"method.adapters.\1.norm_local.\2"),
    (_ADAPTER + r"adapt1\.(.*)$", r"method.adapters.\1.spectral.\2"),
    (_ADAPTER + r"(down|up)\.(.*)$", r"method.adapters.\1.\2.\3"),
)


class Bases(NamedTuple):
    """The graphs of a batch of clouds.

    Attributes:
        all: (B, G, G), a basis of all patches.
        runs: (B, S, n, n), bases of runs of n patches, and (B, 1, r, r), that of the r patches that are left, if any.
        order: (B, G), the patches run by run.
        places: (B, G), where in that order each patch is.
    """

    all: Tensor
    runs: tuple[Tensor, ...]
    order: Tensor
    places: Tensor


class SpectralAdapter(nn.Module):
    """up(SiLU(h) + what the spectra change) with h = down(x); it starts at zero.

    Args:
        dim: width C.
        rank: R.
    """

    def __init__(self, dim: int, rank: int) -> None:
        super().__init__()
        self.down, self.spectral, self.up = Linear(dim, rank), Linear(rank, rank), Linear(rank, dim)
        self.norm_all, self.norm_local = nn.LayerNorm(rank), nn.LayerNorm(rank)
        nn.init.xavier_uniform_(self.down.weight)
        for layer in (self.spectral, self.up):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, bases: Bases) -> Tensor:
        """Tokens (B, T, C), of which the last ones are the patches."""
        hidden = self.down(tokens)
        patches = hidden[:, -bases.order.shape[1] :]
        changed = self._changed(patches, bases.all, self.norm_all)
        ordered, parts, first = gather_points(patches, bases.order), [], 0
        for basis in bases.runs:
            end = first + basis.shape[1] * basis.shape[2]
            runs = ordered[:, first:end].unflatten(1, basis.shape[1:3])
            parts.append(self._changed(runs, basis, self.norm_local).flatten(1, 2))
            first = end
        changed = changed + gather_points(torch.cat(parts, 1), bases.places)
        activated = F.silu(hidden) + F.pad(changed, (0, 0, tokens.shape[1] - changed.shape[1], 0))
        added: Tensor = self.up(activated)
        return added

    def _changed(self, patches: Tensor, basis: Tensor, norm: nn.Module) -> Tensor:
        basis = basis.to(patches.dtype)
        spectrum = basis @ patches
        spectrum = spectrum + F.silu(self.spectral(norm(spectrum)))
        return basis.transpose(-1, -2) @ spectrum


class PointGst(Method):
    """Its adapters read what stands between attention and MLP.

    Args:
        config: see `PointGstConfig`.
        model: the backbone.
    """

    config: PointGstConfig

    def __init__(self, config: PointGstConfig, model: Backbone) -> None:
        super().__init__(config, model)
        sizes = model.sizes
        model.check_not_causal("pointgst", "spectra of all patches")
        self.adapters = nn.ModuleList(SpectralAdapter(sizes.embed_dim, config.rank) for _ in range(sizes.depth))
        self._taps = tuple(Tap() for _ in range(sizes.depth))

    def attach(self, model: Backbone) -> None:
        for index, tap in enumerate(self._taps):
            add_branch(model, f"blocks.{index}.norm2", "pointgst", tap)

    def bases(self, centers: Tensor) -> Bases:
        """The graphs of clouds whose patches have centers (B, G, 3)."""
        order, size = z_order(centers), self.config.local
        ordered, whole = gather_points(centers, order), centers.shape[1] // size * size
        # Reports leave out one patch at a time: the last run is then shorter.
        parts = [ordered[:, :whole].unflatten(1, (-1, size))] if whole else []
        parts += [ordered[:, None, whole:]] if whole < centers.shape[1] else []
        smallest = torch.stack([smallest_distance(part) for part in parts]).amin(0)
        runs = tuple(fourier_basis(part, smallest) for part in parts)
        return Bases(fourier_basis(centers[:, None])[:, 0], runs, order, order.argsort(-1))

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        return sequence._replace(memory=self.bases(sequence.centers.detach()))

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        self._taps[index].listen()
        return sequence

    def after_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        # ReCon's global tokens have a norm of their own, and aren't in what is heard.
        added = cast(SpectralAdapter, self.adapters[index])(self._taps[index].heard(), sequence.memory)
        missing = sequence.tokens.shape[1] - added.shape[1]
        return sequence._replace(tokens=sequence.tokens + F.pad(added, (0, 0, missing, 0)))

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str | None]:
        return rename_keys(keys, _RELEASE_KEYS)
