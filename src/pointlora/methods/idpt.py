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
from pointlora.layers.edge_conv import SLOPE, EdgeConv
from pointlora.layers.linear import Linear
from pointlora.methods.settings.idpt import IdptConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, TokenSequence, TokenSet, rename_keys
from pointlora.ops.neighbors import nearest_of

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


@torch.no_grad()
def patch_distances(patches: Tensor) -> Tensor:
    """Distances (B, G, G), float32, between patches (B, G, C) in feature space."""
    features = patches.float()
    return torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist").float()


@torch.no_grad()
def nearest_patches(patches: Tensor, count: int) -> Tensor:
    """Indices (B, G, count) of the patches (B, G, C) nearest to each in feature space, itself first."""
    return nearest_of(patch_distances(patches), count)


class Dgcnn(nn.Module):
    """Three edge convolutions one after another, their outputs joined, and the maximum over the patches.

    Args:
        dim: width C.
        neighbors: of each patch, the nearest in feature space, the patch itself among them.
    """

    def __init__(self, dim: int, neighbors: int) -> None:
        super().__init__()
        self.neighbors = neighbors
        self.edges = nn.ModuleList(EdgeConv(dim, dim) for _ in range(3))
        self.joint = Linear(3 * dim, dim, bias=False)
        self.norm = RowBatchNorm(dim)

    def forward(self, patches: Tensor) -> Tensor:
        """Patches (B, G, C) to one token (B, 1, C)."""
        outputs = []
        for edge in self.edges:
            patches = edge(patches, nearest_patches(patches, self.neighbors))
            outputs.append(patches)
        joint = self.joint(torch.cat(outputs, -1))
        normalized = self.norm(joint.flatten(0, 1)).view(joint.shape)
        return F.leaky_relu(normalized.amax(1, keepdim=True), SLOPE)


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
        model.check_not_causal("idpt", "a token of all patches")
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
