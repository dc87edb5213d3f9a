"""The parts that recipes share: model, data and optimiser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pointlora.checks import check_choice, check_integer, check_number
from pointlora.data.feature_names import AUTO, channel_names
from pointlora.data.ranges import AXES
from pointlora.errors import ConfigError
from pointlora.models.readout import Readout
from pointlora.recipes.label_counts import check_counted

HEAD_INITS = ("random", "probe")


@dataclass
class ModelConfig:
    """The backbone; a size that isn't given keeps the model's own default.

    Args:
        name: registry name, for example point_mae.
        checkpoint: file with pre-trained weights, or `pretrained` for the newest that come with the package, or a
            version of these, such as point_mae_tiny@1; without one the backbone starts from random weights. A head in
            it is left out.
        adapter: folder of an adapter of one's own, or of the run that made it, to start from instead of new weights:
            with the same backbone and method; classes may be others, and the head is new.
        embed_dim: width C of the tokens.
        depth: number of blocks.
        num_heads: attention heads.
        num_groups: patches per cloud.
        group_size: points per patch.
        drop_path_rate: stochastic depth of the last block.
        tokenizer_dims: widths of the mini-PointNet.
        head_dims: four widths of the published head of part segmentation.
        head: mlp (published), linear, or paired, a linear one and one with a hidden layer side by side
            (classification); by default the method's, as are levels and pooling.
        levels: blocks whose outputs the head reads, from 0 on, for example [1, 3, 5].
        pooling: what the head of classification reads of each: class_token, max and mean.
        scales: groupings that the head of classification reads: 1, the backbone's own; with each further one half as
            many patches of twice as many points, through the same blocks.
        head_init: random, or probe: the head starts fitted to the frozen backbone's features, a linear one as their
            penalised logistic regression; by default the method's.
        options: what else `create_model` takes for this model, for example {head_layers: 1x} for maskpoint.
    """

    name: str = "point_mae"
    checkpoint: str | None = None
    adapter: str | None = None
    embed_dim: int | None = None
    depth: int | None = None
    num_heads: int | None = None
    num_groups: int | None = None
    group_size: int | None = None
    drop_path_rate: float | None = None
    tokenizer_dims: list[int] | None = None
    head_dims: list[int] | None = None
    head: str | None = None
    levels: list[int] | None = None
    pooling: list[str] | None = None
    scales: int | None = None
    head_init: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    SIZES = ("embed_dim", "depth", "num_heads", "num_groups", "group_size", "drop_path_rate", "tokenizer_dims")

    def __post_init__(self) -> None:
        for key in ("embed_dim", "depth", "num_heads", "num_groups", "group_size"):
            if getattr(self, key) is not None:
                check_integer(f"model.{key}", getattr(self, key), 1)
        if self.drop_path_rate is not None:
            check_number("model.drop_path_rate", self.drop_path_rate, 0, 1)
        Readout(self.head, self.levels, self.pooling, self.scales).check(self.depth)
        if self.head_init is not None:
            check_choice("model.head_init", self.head_init, HEAD_INITS)
        for width in self.tokenizer_dims or ():
            check_integer("each of model.tokenizer_dims", width, 1)
        for width in self.head_dims or ():
            check_integer("each of model.head_dims", width, 1)
        for key in (*self.SIZES, "head_dims", "num_classes", "num_parts", "num_categories"):
            if key in self.options:
                raise ConfigError(f"model.options holds {key!r}, which is a setting of model or comes from the data")

    @property
    def readout(self) -> dict[str, Any]:
        """What was said of the head, as arguments of `create_model`."""
        return {key: getattr(self, key) for key in Readout._fields if getattr(self, key) is not None}

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes and options that were given, as arguments of `create_model`."""
        return {key: getattr(self, key) for key in self.SIZES if getattr(self, key) is not None} | self.options


@dataclass
class DataConfig:
    """The data set and what is done to its clouds.

    Args:
        name: scanobjectnn, modelnet40, folder, npz, shards, procedural, fewshot or fewshot_files; for part segmentation
            shapenetpart, folder or procedural.
        root: folder (or file) that holds it.
        options: the data set's own options, for example {variant: pb_t50_rs}.
        label_name: for part segmentation on a folder: the column (property, dimension, array) with the labels; by
            default one called label, classification or similar.
        label_column: its position in a table instead, counted from 1.
        features: what points have beside x, y, z, by the names of columns, properties, attributes or arrays, such as
            [red, green, blue], [nx, ny, nz] or [intensity]; auto takes every colour, normal, intensity and return that
            all training files have. `colors` and `normals` stand for three each.
        cache: auto, off, or a folder; data sets of slow formats are converted once to a file in it. auto is
            $POINTLORA_CACHE, or else ~/.cache/pointlora.
        num_points: points per cloud, as the model sees it.
        normalize: centre each cloud and scale it into the unit sphere.
        up_axis: x, y or z; the axis of the augmentation rotate_up.
        oversample: training draws num_points at random from this many times as many, chosen by farthest point sampling.
        augmentations: what is done to training clouds, in order; scale_translate, scale, uniform_scale, translate,
            rotate_up, rotate, jitter and dropout; of features color_jitter and feature_drop.
        ranges: of the augmentations, for example {scale_low: 0.8, scale_high: 1.25, shift: 0.1}.
        sampling: natural; balanced draws as many clouds of each class an epoch, those of rare ones several times.
        label_fraction: share of the training labels to use, stratified by class.
        labels_per_class: clouds of each class (category) to train on, drawn by training.seed such that fewer are among
            more; all of a class that has fewer. A validation split is taken first, and keeps at most as many.
        validation_fraction: share of the training set that chooses the best epoch (protocol validation).
    """

    name: str = "procedural"
    root: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    label_name: str | None = None
    label_column: int | None = None
    features: list[str] | str = field(default_factory=list)
    cache: str = "auto"
    num_points: int = 2048
    normalize: bool = True
    up_axis: str = "y"
    oversample: float = 1.171875
    augmentations: list[str] = field(default_factory=lambda: ["scale_translate"])
    ranges: dict[str, float] = field(default_factory=dict)
    sampling: str = "natural"
    label_fraction: float = 1.0
    labels_per_class: int | None = None
    validation_fraction: float = 0.1

    RANGES = (
        "scale_low",
        "scale_high",
        "shift",
        "jitter_sigma",
        "jitter_clip",
        "dropout_ratio",
        "resample_low",
        "resample_slope",
        "color_jitter",
        "feature_drop_ratio",
    )

    ELSEWHERE = (
        "root",
        "split",
        "cache",
        "label_fraction",
        "labels_per_class",
        "label_seed",
        "label_name",
        "label_column",
        "features",
    )

    def __post_init__(self) -> None:
        for key in self.ELSEWHERE:
            if key in self.options:
                raise ConfigError(f"data.options holds {key!r}, which belongs elsewhere: see the settings of data")
        check_labels(self.label_name, self.label_column)
        if isinstance(self.features, str) and self.features != AUTO:
            fix = f"[{self.features}], or auto"
            raise ConfigError(f"data.features is {self.features!r}, but it must be a list of names: {fix}")
        if self.features != AUTO:
            channel_names(self.features)
        check_integer("data.num_points", self.num_points, 1, 10**7)
        check_choice("data.up_axis", self.up_axis, AXES)
        check_number("data.oversample", self.oversample, 1, 100)
        for key, value in self.ranges.items():
            check_choice("key of data.ranges", key, self.RANGES)
            check_number(f"data.ranges.{key}", value, 0)
        check_choice("data.sampling", self.sampling, ("natural", "balanced"))
        check_number("data.label_fraction", self.label_fraction, 0, 1, open_low=True)
        check_number("data.validation_fraction", self.validation_fraction, 0, 0.9, open_low=True)
        if self.labels_per_class is not None:
            check_integer("data.labels_per_class", self.labels_per_class, 1)
            check_counted("data.labels_per_class", self.labels_per_class, self.name, self.label_fraction)

    @property
    def labels(self) -> dict[str, Any]:
        """Which column holds the labels, as options of a data set; nothing where it isn't said."""
        given = {"label_name": self.label_name, "label_column": self.label_column}
        return {key: value for key, value in given.items() if value is not None}

    def check_no_labels(self) -> None:
        """A task that has no labels at points takes none."""
        for key in self.labels:
            raise ConfigError(f"data.{key} belongs to task part_segmentation: leave it out, or set task")


def check_labels(name: str | None, column: int | None) -> None:
    """At most one of `data.label_name` and `data.label_column`, which counts from 1."""
    if column is not None:
        check_integer("data.label_column", column, 1, 10**4)
        if name is not None:
            raise ConfigError(f"data.label_name is {name!r} and data.label_column {column}: give one of them")


@dataclass
class OptimizerConfig:
    """AdamW, a linear warm-up and a cosine, both stepped once per epoch.

    Args:
        lr: highest learning rate.
        weight_decay: of matrices; vectors, biases and tokens have none.
        warmup_epochs: epochs of warm-up.
        warmup_lr: learning rate of the first epoch of warm-up.
        min_lr: learning rate at the end.
        clip_norm: largest gradient norm; null doesn't clip.
    """

    lr: float = 5e-4
    weight_decay: float = 0.05
    warmup_epochs: int = 10
    warmup_lr: float = 1e-6
    min_lr: float = 1e-6
    clip_norm: float | None = 10.0

    def __post_init__(self) -> None:
        check_number("optimizer.lr", self.lr, 0, open_low=True)
        check_number("optimizer.weight_decay", self.weight_decay, 0)
        check_integer("optimizer.warmup_epochs", self.warmup_epochs, 0)
        check_number("optimizer.warmup_lr", self.warmup_lr, 0)
        check_number("optimizer.min_lr", self.min_lr, 0, self.lr)
        if self.clip_norm is not None:
            check_number("optimizer.clip_norm", self.clip_norm, 0, open_low=True)
