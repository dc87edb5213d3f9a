"""The backbone that all families share: group, tokenize, add positions, run the blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pointlora.errors import ConfigError, ShapeError
from pointlora.layers.drop_path import drop_path_rates
from pointlora.layers.linear import Linear
from pointlora.models.method import ADDED_PARTS, Method, TokenSequence, TokenSet
from pointlora.models.method_checks import checked_features, checked_sequence
from pointlora.models.readout import Readout, linear_readout
from pointlora.models.sizes import Sizes
from pointlora.models.tokenizer import Tokenizer
from pointlora.models.transformer import Block, initialize_weights
from pointlora.ops import group_scales
from pointlora.ops.grouping import Patches, Scale
from pointlora.ops.validation import with_colors

if TYPE_CHECKING:
    from typing_extensions import Self


# The tokenizer's columns for what points have beside x, y, z: no pre-trained file has them.
FEATURE_COLUMNS = r"tokenizer\.first_conv\.0\.features$"


class Backbone(nn.Module):
    """A point-cloud transformer without its head.

    Subclasses say what stands before the patches (`prefix`) and may replace any part.

    Args:
        sizes: see `Sizes`.

    Attributes:
        name, task, options: what `create_model` was asked for.
        package_weights: which weights of the package `create_model` loaded, such as point_mae_tiny@1.
        task_parts: patterns of parameters that every method trains, because they are made anew for a task.
        spare_parts: patterns of weights that other networks of the same family have and this one doesn't: a file that
            holds them is read without them.
        embedding_parts: patterns of parameters that take in points: the tokenizer's first stage, the positions.
        attention_layers: last names of the linear layers of every attention in the blocks.
        causal: whether a token sees only those before it.
    """

    name: str
    task: str
    options: dict[str, Any]
    package_weights: str | None = None
    tokenizer: Tokenizer
    task_parts: tuple[str, ...] = (r"head\.", r"cls_token$", r"cls_position$", FEATURE_COLUMNS)
    spare_parts: tuple[str, ...] = ()
    embedding_parts: tuple[str, ...] = (r"tokenizer\.first_conv\.", r"position\.")
    attention_layers: tuple[str, ...] = ("qkv", "proj")
    causal = False

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.tokenizer = self.build_tokenizer()
        self.position = self.build_position()
        self.blocks = self.build_blocks()
        self.norm = nn.LayerNorm(sizes.embed_dim)
        self.method = Method()
        self.apply(initialize_weights)

    def build_tokenizer(self) -> Tokenizer:
        sizes = self.sizes
        return Tokenizer(sizes.tokenizer_dims, sizes.embed_dim, sizes.channels, num_features=sizes.num_features)

    def build_position(self) -> nn.Module:
        """Centers (B, G, 3) to position embeddings (B, G, C)."""
        return nn.Sequential(Linear(3, 128), nn.GELU(), Linear(128, self.sizes.embed_dim))

    def build_blocks(self) -> nn.ModuleList:
        sizes = self.sizes
        rates = drop_path_rates(sizes.drop_path_rate, sizes.depth)
        return nn.ModuleList(Block(sizes.embed_dim, sizes.num_heads, rate) for rate in rates)

    def train(self, mode: bool = True) -> Self:
        """Training or evaluation mode, with the tokenizer's statistics kept frozen where the method says so."""
        super().train(mode)
        if self.method.freezes_statistics:
            self.tokenizer.eval()
        return self

    def build_prefix(self) -> None:
        """Make the parameters of `prefix`; none here. Networks of a task call it when their sizes are set."""

    def prefix(self, batch: int) -> tuple[Tensor, Tensor]:
        """Tokens (B, P, C) before the patches and their positions; none here."""
        empty = self.norm.weight.new_zeros(batch, 0, self.sizes.embed_dim)
        return empty, empty

    def set_readout(self, defaults: Readout) -> None:
        """A new head, with these settings where the model was created without them. Networks of a task have one."""
        raise NotImplementedError

    def take_readout(self, name: str) -> None:
        """A new head, the one that a method's setting `readout` names; `published` leaves it as it is. Networks without
        a paired head have a linear one instead.
        """
        if name != "published":
            self.set_readout(linear_readout(self.sizes.depth, 1 if name == "levels" else 2))

    def make_head(self, more: int = 0) -> None:
        """A new head, which reads `more` features than the backbone's own. Networks of a task have one."""
        raise NotImplementedError

    @property
    def further_scales(self) -> Sequence[Scale]:
        """Groupings that go through the blocks on their own, beside the backbone's own."""
        return ()

    @property
    def head_width(self) -> int | None:
        """Features of a cloud that the head reads; None where it has no such number."""
        return None

    def pooled(self, features: Sequence[Tensor], sequence: TokenSequence) -> Tensor:
        """What the head reads of a cloud, (B, ·): these features of the backbone, or what the method makes of them."""
        return checked_features(self.method, self.method.pool(features, sequence), self.head_width)

    @property
    def scales_cut(self) -> list[Scale]:
        """All groupings of a cloud: the backbone's own scale, the further ones, then those that the method wants."""
        return [self.sizes.scale, *self.further_scales, *self.method.scales]

    def group(self, points: Tensor) -> list[Patches]:
        """Patches of each of `scales_cut`."""
        sizes = self.sizes
        points = with_colors(points, sizes.channels, sizes.num_features, sizes.color_features)
        scales = self.scales_cut
        most = max(max(scale) for scale in scales)
        if points.shape[1] < most:
            wanted = ", ".join(f"{groups} x {size}" for groups, size in scales)
            raise ShapeError(f"clouds of {points.shape[1]} points are too small for patches of {wanted}: need {most}")
        return group_scales(points, scales)

    def embed(self, patches: Sequence[Patches]) -> list[TokenSet]:
        """Tokens, positions and centers of each scale; positions are made once, for the scale with most patches."""
        counts = [scale.centers.shape[1] for scale in patches]
        positions = self.position(patches[counts.index(max(counts))].centers)
        tokens = self.tokenizer.tokenize_scales(patches)
        return [
            TokenSet(token, positions[:, : token.shape[1]], scale.centers)
            for token, scale in zip(tokens, patches, strict=True)
        ]

    def arrange(self, own: TokenSet) -> TokenSet:
        """The patches in the order in which the blocks see them; here that of sampling."""
        return own

    def assemble(self, own: TokenSet) -> TokenSequence:
        """[prefix | patches] with their positions."""
        tokens, positions = self.prefix(len(own.tokens))
        return TokenSequence(
            torch.cat([tokens.to(own.tokens.dtype), own.tokens], 1),
            torch.cat([positions.to(own.positions.dtype), own.positions], 1),
            num_prefix=tokens.shape[1],
            num_patches=own.tokens.shape[1],
            centers=own.centers,
            auxiliary_loss=own.tokens.new_zeros(()),
        )

    def encode(self, points: Tensor, levels: Sequence[int] = ()) -> list[TokenSequence]:
        """Group, tokenize, extend, run the blocks.

        Args:
            points: (B, N, 3 + F); where the backbone takes 6 channels also (B, N, 6 + F), with colours first.
            levels: indices of blocks whose outputs are wanted; by default the last.

        Returns:
            the sequences that left those blocks, normalised; those of the backbone's own scale come last.
        """
        own, *others = self.embed(self.group(points))
        return self.encode_tokens(self.arrange(own), others, levels)

    def encode_tokens(
        self, own: TokenSet, others: Sequence[TokenSet], levels: Sequence[int] = ()
    ) -> list[TokenSequence]:
        """`encode` from the backbone's own patches on, those of the further scales and of the method's."""
        levels = levels or (len(self.blocks) - 1,)
        further = len(self.further_scales)
        beside: list[TokenSequence] = []
        with torch.no_grad():
            for scale in others[:further]:
                beside += self.run_blocks(self.assemble(self.arrange(scale)), levels)
        sequence = checked_sequence(self.method, "extend", self.method.extend(self.assemble(own), others[further:]))
        return [*beside, *self.run_blocks(sequence, levels)]

    def run_blocks(self, sequence: TokenSequence, levels: Sequence[int]) -> list[TokenSequence]:
        """The sequences that left the blocks named in `levels`, normalised."""
        outputs, method = [], self.method
        for index, block in enumerate(self.blocks):
            sequence = sequence._replace(tokens=sequence.tokens + sequence.positions)
            sequence = checked_sequence(method, "before_block", method.before_block(index, sequence))
            sequence = sequence._replace(tokens=self.call_block(block, sequence))
            sequence = checked_sequence(method, "after_block", method.after_block(index, sequence))
            if index in levels:
                outputs.append(sequence._replace(tokens=self.norm(sequence.tokens)))
        return outputs

    def call_block(self, block: nn.Module, sequence: TokenSequence) -> Tensor:
        """The tokens (B, T, C) that leave a block."""
        tokens: Tensor = block(sequence.tokens)
        return tokens

    def check_not_causal(self, method: str, makes: str) -> None:
        """Refuse a method after which a patch would see those behind it, where it must not.

        Args:
            method: its name.
            makes: what it makes, for the message: `a token of all patches`.

        Raises:
            ConfigError: if the backbone is causal.
        """
        if self.causal:
            raise ConfigError(
                f"method {method} makes {makes} that each patch then sees, but a patch of {self.name} must see only "
                "those before it: choose another method or model"
            )

    def task_parameters(self) -> list[nn.Parameter]:
        """Parameters that every task makes anew."""
        return self._matching(self.task_parts)

    def embedding_parameters(self) -> list[nn.Parameter]:
        """Parameters that take in points."""
        return self._matching(self.embedding_parts)

    def added_parameters(self) -> list[nn.Parameter]:
        """Parameters that the method added and that aren't frozen."""
        return [parameter for parameter in self._matching(ADDED_PARTS) if parameter.requires_grad]

    def _matching(self, patterns: Iterable[str]) -> list[nn.Parameter]:
        wanted = re.compile("|".join(patterns))
        return [parameter for name, parameter in self.named_parameters() if wanted.match(name)]
