"""IDPT (Zha et al., "Instance-aware dynamic prompt tuning for pre-trained point cloud models", ICCV 2023).

A small graph network reads the patches before the last block and makes one token of them, which that block sees beside
them, and which the head reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.errors import ConfigError
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.linear import Linear, linear
from pointlora.methods.settings.idpt import IdptConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, TokenSequence, TokenSet, rename_keys
from pointlora.ops import gather_points
from pointlora.ops.neighbors import nearest_of

_SLOPE = 0.2
# In the release each norm of the graph network has a second name, `bn1` and so on; the later name counts.
_RELEASE_KEYS: tuple[tuple[str, str | None], ...] = (
    (r"blocks\.cls\.bn\d\..*$", None),
    (r"blocks\.cls\.conv1\.0\.(.*)$", r"method.dgcnn.edges.0.join.\1"),
    (r"blocks\.cls\.conv1\.1\.(.*)$", r"method.dgcnn.edges.0.norm.\1"),
    (r"blocks\.cls\.conv2\.0\.(.*)$", r"method.dgcnn.edges.1.join.\1"),
    (r"blocks\.cls\.conv2\.1\.(.*)$", r"method.dgcnn.edges.1.norm.\1"),
    (r"blocks\.cls\.conv3\.0\.(.*)$", r"method.dgcnn.edges.2.join.\1"),
    (r"blocks\.cls\.conv3\.1\.(.*)$", r"method.dgcnn.edges.2.norm.\1"),
    (r"blocks\.cls\.conv5\.0\.(.*)$", r"method.dgcnn.joint.\1"),
    (r"blocks\.cls\.conv5\.1\.(.*)$", r"method.dgcnn.norm.\1"),
    (r"prompt_pos$", "method.position"),
)


class EdgeConv(nn.Module):
    """For each patch the maximum over its neighbours of LeakyReLU(BatchNorm(W [neighbour - own | own])).

    Args:
        dim: width C.
        neighbors: K, the nearest in feature space, the patch itself among them.
    """

    def __init__(self, dim: int, neighbors: int) -> None:
        super().__init__()
        self.neighbors = neighbors
        self.join = Linear(2 * dim, dim, bias=False)
        self.norm = RowBatchNorm(dim)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, G, C) to (B, G, C)."""
        difference, own = self.join.weight.chunk(2, dim=1)
        # W [n - o | o] is W1 n + (W2 - W1) o: a product a patch instead of one an edge.
        of_neighbor, of_own = linear(patches, difference), linear(patches, own - difference)
        index = nearest_patches(patches, self.neighbors)
        edges = gather_points(of_neighbor, index.flatten(1)).view(*index.shape, -1) + of_own[:, :, None]
        normalized = self.norm(edges.flatten(0, 2)).view(edges.shape)
        # LeakyReLU rises, so that it may follow the maximum.
        return F.leaky_relu(normalized.amax(2), _SLOPE)


@torch.no_grad()
def nearest_patches(patches: Tensor, count: int) -> Tensor:
    """Indices (B, G, count) of the patches (B, G, C) nearest to each in feature space, itself first."""
    features = patches.float()
    distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    return nearest_of(distances.float(), count)


class Dgcnn(nn.Module):
    """Three edge convolutions one after another, their outputs joined, and the maximum over the patches.

    Wang et al., "Dynamic graph CNN for learning on point clouds", TOG 2019.
    """

    def __init__(self, dim: int, neighbors: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(EdgeConv(dim, neighbors) for _ in range(3))
        self.joint = Linear(3 * dim, dim, bias=False)
        self.norm = RowBatchNorm(dim)

    def forward(self, patches: Tensor) -> Tensor:
        """Patches (B, G, C) to one token (B, 1, C)."""
        outputs = []
        for edge in self.edges:
            patches = edge(patches)
            outputs.append(patches)
        joint = self.joint(torch.cat(outputs, -1))
        normalized = self.norm(joint.flatten(0, 1)).view(joint.shape)
        return F.leaky_relu(normalized.amax(1, keepdim=True), _SLOPE)


class Idpt(Method):
    """Its prompt stands right behind the prefix in the last block.

    In part segmentation it is one more part of the cloud's summary.

    Args:
        config: see `IdptConfig`.
        model: the backbone.
    """

    config: IdptConfig

    def __init__(self, config: IdptConfig, model: Backbone) -> None:
        super().__init__(config, model)
        sizes = model.sizes
        if model.causal:
            raise ConfigError(
                f"method idpt makes a token of all patches that each patch then sees, but a patch of {model.name} must "
                "see only those before it: choose another method or model"
            )
        if config.neighbors > sizes.num_groups:
            raise ConfigError(f"neighbors is {config.neighbors}, but the model has only {sizes.num_groups} patches")
        self.last = sizes.depth - 1
        self.dgcnn = Dgcnn(sizes.embed_dim, config.neighbors)
        # Random and never trained in the release.
        self.position = nn.Parameter(torch.empty(1, 1, sizes.embed_dim), requires_grad=False)
        nn.init.trunc_normal_(self.position, std=0.02)

    def attach(self, model: Backbone) -> None:
        model.make_head(more=model.sizes.embed_dim)

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        return self._prompted(sequence) if self.last == 0 else sequence

    def after_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        return self._prompted(sequence) if index == self.last - 1 else sequence

    def _prompted(self, sequence: TokenSequence) -> TokenSequence:
        prompt = self.dgcnn(sequence.patches)
        return sequence.with_prompts(prompt, self.position.expand(len(prompt), -1, -1).to(sequence.positions.dtype))

    def pool(self, features: Sequence[Tensor], sequence: TokenSequence) -> Sequence[Tensor]:
        first, *rest = features
        return [first, sequence.prompts[:, 0], *rest]

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str | None]:
        return rename_keys(keys, _RELEASE_KEYS)
