"""STAG: side token adaptation on a neighbourhood graph, a small network beside the blocks.

It reads the patches before each block, and adds to what the upper blocks return. Nothing below them is trained, so the
backward ends there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pointlora.layers.linear import Linear
from pointlora.layers.max_pool import max_over_points
from pointlora.methods.settings.stag import StagConfig
from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.method import Method, ParameterGroup, TokenSequence, TokenSet
from pointlora.ops import gather_points
from pointlora.ops.neighbors import nearest_indices

_PARTS = {"graphconv1": "own", "graphconv2": "neighbor", "fc": "join", "upproj": "up"}
_KEY = re.compile(r"blocks\.addparam_(downproj|graphconv1|graphconv2|fc|upproj)_dict\.(\d+)\.0\.(weight|bias)$")


_FIRST_OF_RELEASE = {"std": 6, "sl": 3}
# Of each layer that is still to read patches: its number, their sum, how many blocks' they are.
_Waiting = tuple[tuple[int, Tensor, int], ...]


class Graph(nn.Module):
    """One step of the side network, and what a block gets of it; biases everywhere.

    Args:
        width: S of the side network.
        dim: width C of the tokens.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.own, self.neighbor, self.join = (Linear(width, width) for _ in range(3))
        self.up = Linear(width, dim)

    def forward(self, side: Tensor, neighbors: Tensor) -> Tensor:
        """(B, G, S) with indices (B, G, K) of neighbours: join(max over q of own(r_p) + neighbor(r_q)) of each p."""
        compared = gather_points(self.neighbor(side), neighbors).flatten(0, 1)
        largest = max_over_points(compared).view(side.shape)
        joined: Tensor = self.join(self.own(side) + largest)
        return joined

    def added(self, side: Tensor) -> Tensor:
        """What is added to the patches, (B, G, C)."""
        raised = self.up(side)
        # A ReLU, of which only the places are kept for the backward.
        return torch.where(raised > 0, raised, 0)


class _Memory(NamedTuple):
    """What the method hands on from block to block.

    Attributes:
        neighbors: (B, G, K) of the patches.
        tokens: (B, T, C) as they left the last block.
        waiting: what is still to be read: below the first adapted block patches are only added up.
        side: (B, G, S); None before the first adapted block.
    """

    neighbors: Tensor
    tokens: Tensor
    waiting: _Waiting = ()
    side: Tensor | None = None


class Stag(Method):
    """Its head reads the mean of all tokens, not normalised; the class token stays as it starts, and isn't trained.

    In part segmentation, and where the model says what its head reads, the mean is one more feature.

    Args:
        config: see `StagConfig`.
        model: the backbone.
    """

    config: StagConfig

    def __init__(self, config: StagConfig, model: Backbone) -> None:
        super().__init__(config, model)
        model.check_not_causal("stag", "something of neighbouring patches")
        depth, dim = model.sizes.depth, model.sizes.embed_dim
        self.first, self.sharing = config.first_adapted(depth), config.sharing(depth)
        self.down = nn.ModuleList(Linear(dim, config.width) for _ in range(-(-depth // self.sharing)))
        graphs = -(-(depth - self.first) // self.sharing)
        self.graphs = nn.ModuleList(Graph(config.width, dim) for _ in range(graphs))
        chosen = getattr(model, "chosen_readout", ())
        self.reads_alone = isinstance(model, PointClassifier) and not any(each is not None for each in chosen)

    def attach(self, model: Backbone) -> None:
        width = model.sizes.embed_dim
        if self.reads_alone:
            assert isinstance(model, PointClassifier)
            model.make_head(more=width - model.pooled_width)
        else:
            model.make_head(more=width)

    def parameter_groups(self, model: Backbone) -> list[ParameterGroup]:
        frozen = [getattr(model, name, None) for name in ("cls_token", "cls_position")]
        own = [each for each in model.task_parameters() if not any(each is token for token in frozen)]
        return [ParameterGroup(own), ParameterGroup(model.added_parameters())]

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        centers = sequence.centers.float()
        nearest = nearest_indices(centers, centers, min(self.config.neighbors, centers.shape[1]))
        return sequence._replace(memory=_Memory(nearest, sequence.tokens))

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        memory: _Memory = sequence.memory
        # What left the last block; before the first one without its positions, where they are added anew each time.
        tokens = sequence.tokens - sequence.positions if index == 0 else memory.tokens
        waiting = _with(memory.waiting, index // self.sharing, sequence._replace(tokens=tokens).patches)
        if index < self.first:
            return sequence._replace(memory=memory._replace(waiting=waiting))
        side = memory.side
        for layer, total, count in waiting:
            read = self._read(layer, total, count)
            side = read if side is None else side + read
        return sequence._replace(memory=memory._replace(waiting=(), side=side))

    def _read(self, layer: int, total: Tensor, count: int) -> Tensor:
        """What a layer makes of so many blocks' patches, given their sum: that is all that is kept for its gradient."""
        down = self.down[layer]
        assert isinstance(down, Linear)
        read: Tensor = down(total)
        return read + (count - 1) * down.bias.to(read.dtype) if count > 1 else read

    def after_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        memory: _Memory = sequence.memory
        if index < self.first:
            return sequence._replace(memory=memory._replace(tokens=sequence.tokens))
        graph = self.graphs[(index - self.first) // self.sharing]
        assert isinstance(graph, Graph)
        assert memory.side is not None
        side = graph(memory.side, memory.neighbors)
        added = graph.added(side)
        everywhere = added.mean(1, keepdim=True).expand(-1, sequence.first_patch, -1)
        tokens = sequence.tokens + torch.cat([everywhere, added], 1).to(sequence.tokens.dtype)
        return sequence._replace(tokens=tokens, memory=memory._replace(side=side, tokens=tokens))

    def pool(self, features: Sequence[Tensor], sequence: TokenSequence) -> Sequence[Tensor]:
        mean = sequence.memory.tokens.mean(1)
        return [mean] if self.reads_alone else [*features, mean]

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for key in keys:
            match = _KEY.match(key)
            if match and match[1] == "downproj":
                found[key] = f"method.down.{match[2]}.{match[3]}"
            elif match:
                # The release counts on from its first adapted block.
                number = int(match[2]) - _FIRST_OF_RELEASE[self.config.size]
                found[key] = f"method.graphs.{number}.{_PARTS[match[1]]}.{match[3]}"
        return found


def _with(waiting: _Waiting, layer: int, patches: Tensor) -> _Waiting:
    """The sums with the patches of one more block, which a layer is to read."""
    *before, last = waiting or ((-1, patches, 0),)
    if last[0] == layer:
        return (*before, (layer, last[1] + patches, last[2] + 1))
    return (*waiting, (layer, patches, 1))
