"""A tokenizer of its own width with a linear layer behind it, and the backbone that begins with one (Point-BERT, Yu et
al., CVPR 2022, and networks after it).
"""

from __future__ import annotations

from torch import Tensor

from pointlora.layers.linear import Linear
from pointlora.models.backbone import Backbone
from pointlora.models.class_token import ClassTokenBackbone
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.tokenizer import Tokenizer


class ReducedTokenizer(Tokenizer):
    """A tokenizer of width `inner_dim`, and a linear layer from there to the width of the sequence.

    Args:
        dims, channels, num_features: see `Tokenizer`.
        inner_dim: its width.
        out_dim: width C of a token.
    """

    def __init__(
        self, dims: tuple[int, ...], inner_dim: int, out_dim: int, channels: int = 3, num_features: int = 0
    ) -> None:
        super().__init__(dims, inner_dim, channels, num_features=num_features)
        self.reduce = Linear(inner_dim, out_dim)

    def finish(self, tokens: Tensor) -> Tensor:
        reduced: Tensor = self.reduce(tokens)
        return reduced


class ReducedBackbone(Backbone):
    """The backbone: a tokenizer that ends in a linear layer."""

    def build_tokenizer(self) -> Tokenizer:
        sizes, width = self.sizes, self.sizes.embed_dim
        inner = sizes.tokenizer_out or width
        return ReducedTokenizer(sizes.tokenizer_dims, inner, width, sizes.channels, sizes.num_features)


class ReducedSegmenter(ReducedBackbone, ClassTokenBackbone, PartSegmenter):
    """Point-MAE's part head behind blocks that keep their class token.

    Point-BERT's own code has another head there, of several levels of propagation.
    """
