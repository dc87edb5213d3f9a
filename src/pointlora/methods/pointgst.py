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

from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.errors import ConfigError
from pointlora.layers.linear import Linear
from pointlora.methods.branches import Tap, add_branch
from pointlora.methods.settings.pointgst import PointGstConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, TokenSequence, TokenSet, rename_keys
from pointlora.ops import gather_points
from pointlora.ops.graph_spectrum import fourier_basis, z_order

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
        local: (B, G / n, n, n), bases of runs of n patches.
        order: (B, G), the patches run by run.
    """

    all: Tensor
    local: Tensor
    order: Tensor

    def runs(self, patches: Tensor) -> Tensor:
        """Patches (B, G, R) by run, (B, G / n, n, R)."""
        return gather_points(patches, self.order).unflatten(1, self.local.shape[1:3])

    def put_back(self, runs: Tensor) -> Tensor:
        """(B, G / n, n, R) in the order of patches, (B, G, R)."""
        return gather_points(runs.flatten(1, 2), self.order.argsort(-1))


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
        changed = changed + bases.put_back(self._changed(bases.runs(patches), bases.local, self.norm_local))
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
        if model.causal:
            raise ConfigError(
                f"method pointgst makes spectra of all patches that each patch then sees, but a patch of {model.name} "
                "must see only those before it: choose another method or model"
            )
        if sizes.num_groups % config.local:
            raise ConfigError(f"local is {config.local}, but it must divide the model's {sizes.num_groups} patches")
        self.adapters = nn.ModuleList(SpectralAdapter(sizes.embed_dim, config.rank) for _ in range(sizes.depth))
        self._taps = tuple(Tap() for _ in range(sizes.depth))

    def attach(self, model: Backbone) -> None:
        for index, tap in enumerate(self._taps):
            add_branch(model, f"blocks.{index}.norm2", "pointgst", tap)

    def bases(self, centers: Tensor) -> Bases:
        """The graphs of clouds whose patches have centers (B, G, 3)."""
        order = z_order(centers)
        runs = gather_points(centers, order).unflatten(1, (-1, self.config.local))
        return Bases(fourier_basis(centers[:, None])[:, 0], fourier_basis(runs), order)

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
