"""The sizes of a backbone, with checks that name the wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pointlora.checks import check_integer, check_number
from pointlora.errors import ConfigError
from pointlora.names import unknown_name
from pointlora.ops.grouping import Scale

# A damaged or hostile description of a model must not make it fill the memory.
_LARGEST = 65_536
_DEEPEST = 1_000
_MOST_LAYERS = 64
MOST_FEATURES = 256


@dataclass(frozen=True)
class Sizes:
    """Sizes of a point-cloud transformer.

    Attributes:
        embed_dim: width C of the token sequence.
        depth: number of blocks.
        num_heads: attention heads; divides `embed_dim`.
        num_groups: patches per cloud, G.
        group_size: points per patch, K.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0 in the first.
        tokenizer_dims: widths of the mini-PointNet: those of its first stage, then the hidden width of its second.
            (128, 256, 512) is 3 -> 128 -> 256 | 512 -> 512 -> C.
        tokenizer_out: width of the tokenizer's output where it differs from `embed_dim` (Point-BERT).
        channels: numbers that the tokenizer takes of a point: 3, its coordinates, or 6, a colour in [0, 1] behind them.
        num_features: numbers F that a point has beside x, y, z, and beside the colours of 6 channels.
        color_features: at which of these F red, green and blue begin, from -1 to 1 each, where a backbone of 6 channels
            shall take its colours from them; None where it is given them, or grey.
    """

    embed_dim: int = 384
    depth: int = 12
    num_heads: int = 6
    num_groups: int = 128
    group_size: int = 32
    drop_path_rate: float = 0.1
    tokenizer_dims: tuple[int, ...] = (128, 256, 512)
    tokenizer_out: int | None = None
    channels: int = 3
    num_features: int = 0
    color_features: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokenizer_dims", tuple(self.tokenizer_dims))
        for name in ("embed_dim", "num_heads", "num_groups", "group_size"):
            check_width(name, getattr(self, name))
        check_integer("depth", self.depth, 1, _DEEPEST)
        if len(self.tokenizer_dims) < 2:
            raise ConfigError(f"tokenizer_dims is {self.tokenizer_dims}, but it needs at least two widths")
        if len(self.tokenizer_dims) > _MOST_LAYERS:
            raise ConfigError(
                f"tokenizer_dims has {len(self.tokenizer_dims)} widths, but at most {_MOST_LAYERS} are allowed"
            )
        for width in self.tokenizer_dims:
            check_width("each of tokenizer_dims", width)
        if self.tokenizer_out is not None:
            check_width("tokenizer_out", self.tokenizer_out)
        if self.channels not in (3, 6):
            raise ConfigError(f"channels is {self.channels}, but it must be 3 or 6")
        check_integer("num_features", self.num_features, 0, MOST_FEATURES)
        if self.color_features is not None:
            check_integer("color_features", self.color_features, 0, self.num_features - 3)
            if self.channels != 6:
                raise ConfigError(f"color_features needs a backbone of 6 channels, and this one has {self.channels}")
        if self.embed_dim % self.num_heads:
            raise ConfigError(f"embed_dim {self.embed_dim} is not a multiple of num_heads {self.num_heads}")
        check_number("drop_path_rate", self.drop_path_rate, 0, 1, open_high=True)

    @property
    def scale(self) -> Scale:
        """The main grouping."""
        return Scale(self.num_groups, self.group_size)

    def with_changes(self, changes: Mapping[str, Any]) -> Sizes:
        """These sizes with some replaced; a value of None leaves the default.

        Raises:
            ConfigError: for an unknown name, with the nearest right one.
        """
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise ConfigError(unknown_name("size", name, known))
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, as earlier releases wrote them where there are no features."""
        values = {**asdict(self), "tokenizer_dims": list(self.tokenizer_dims)}
        if not self.num_features:
            del values["num_features"]
        if self.color_features is None:
            del values["color_features"]
        return values


def check_width(name: str, value: object) -> None:
    """Require an integer from 1 to 65,536.

    Raises:
        ConfigError: naming it.
    """
    check_integer(name, value, 1, _LARGEST)
