"""`pointlora probe`: logistic regression on the frozen features of a backbone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pointlora.checks import check_integer
from pointlora.cli.parsing import parse_recipe
from pointlora.recipes.parts import DataConfig, ModelConfig


@dataclass
class ProbeConfig:
    """Linear probe: logistic regression on frozen features, to see what pre-training has learned; trains in seconds.

    Args:
        model: the backbone and its weights; without `checkpoint` they are random.
        data: a labelled data set. Its augmentations aren't used.
        seed: of the validation split, and of random weights.
        batch_size: clouds at a time.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    seed: int = 0
    batch_size: int = 32

    def __post_init__(self) -> None:
        check_integer("seed", self.seed, 0, 2**32 - 1)
        check_integer("batch_size", self.batch_size, 1)


FLAGS = {"json": "print everything as JSON"}


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    config, flags = parse_recipe(ProbeConfig, arguments, "probe", FLAGS)
    from pointlora.reports.classification import metrics_table
    from pointlora.training.probe import probe_backbone

    result = probe_backbone(config.model, config.data, config.seed, config.batch_size)
    if flags["json"]:
        print(json.dumps(result.as_dict(), ensure_ascii=False))
        return 0
    weights = config.model.checkpoint or "random weights"
    caption = (
        f"linear probe of {config.model.name} ({weights}), {result.dimension} features: test accuracy; penalty "
        f"{result.penalty:g} chosen on the validation split ({100 * result.selection.accuracy:.2f} %)"
    )
    print(metrics_table(result.test.as_dict(), caption))
    return 0
