"""What a run measures with, and what its cases share: sizes, device, clouds, models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pointlora.models.registry import get_family
from pointlora.models.sizes import Sizes

from .costs import Cost

if TYPE_CHECKING:
    import torch

    from .models import Pair

BATCH_SIZES = {"point_mae": 8, "point_mae_tiny": 32}
QUICK_BATCH_SIZES = {"point_mae": 2, "point_mae_tiny": 8}
KEPT = "plain, kept"
NUM_POINTS = {"point_mae": 2048, "point_mae_tiny": 1024}


@dataclass(frozen=True)
class Settings:
    """Settings of a run.

    Attributes:
        model: registered model at whose sizes both sides run.
        batch_size: clouds per batch of the network's cases.
        repetitions: rounds of timing.
        budget: seconds of timing for a case, once there have been two rounds.
        threads: of torch.
        device: `cpu` or `cuda`.
    """

    model: str
    batch_size: int
    repetitions: int
    budget: float
    threads: int
    device: str

    @property
    def key(self) -> str:
        """Runs with the same key have comparable ratios; on another processor or GPU they are others."""
        from .machine import device_name

        threads = f"{self.threads} threads" if self.threads > 1 else "1 thread"
        return f"{self.model}, batch {self.batch_size}, {self.device}, {threads}, {device_name(self.device)}"

    @property
    def num_points(self) -> int:
        """Points a cloud."""
        return NUM_POINTS[self.model]

    @property
    def sizes(self) -> Sizes:
        """Of the backbone."""
        return get_family(self.model).sizes


@dataclass(frozen=True)
class Case:
    """One part, to be timed.

    Attributes:
        variants: name -> function; `plain` is what the others are compared with.
        floor: work that the part can't do without.
        fixed_floor: its least time in seconds where that isn't a matter of operations and bytes.
        apart: on a CPU, time `plain` in a process of its own, where the C library's allocator is as it comes, and in
            this one, whose allocator keeps large blocks, as `plain, kept`. For parts with tensors so large that this
            makes a difference; the time of the others would depend on where the blocks happen to lie.
        keep: what must live as long as the case, such as a temporary folder.
    """

    variants: Mapping[str, Callable[[], Any]]
    floor: Cost = field(default_factory=Cost)
    fixed_floor: Callable[[], float] | None = None
    apart: bool = False
    keep: Any = None


class Context:
    """What the cases of a run share; models are made on first use and checked against each other at once."""

    def __init__(self, settings: Settings) -> None:
        import torch

        from .precision import exact_convolutions

        self.settings = settings
        self.device: torch.device = torch.device(settings.device)
        exact_convolutions(self.device)
        self.agreement: dict[str, float] = {}

    def clouds(self, batch: int, num_points: int, seed: int = 0) -> torch.Tensor:
        """Clouds (B, N, 3) on bumpy spheres in the unit sphere."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        points = torch.randn(batch, num_points, 3, generator=generator)
        points /= points.norm(dim=-1, keepdim=True)
        points *= 1 + 0.3 * torch.sin(4 * points).sum(-1, keepdim=True)
        return (points / points.norm(dim=-1).amax(1)[:, None, None]).to(self.device)

    @cached_property
    def points(self) -> torch.Tensor:
        """The batch of the network's cases."""
        return self.clouds(self.settings.batch_size, self.settings.num_points)

    @cached_property
    def classifiers(self) -> Pair:
        """Both classifiers, found equal."""
        from .models import check_classifiers, classifier_pair

        pair = classifier_pair(self.settings.model, self.device)
        self.agreement["logits"] = check_classifiers(pair, self.points[:2])
        return pair

    @cached_property
    def autoencoders(self) -> Pair:
        """Both masked autoencoders, found equal."""
        from .models import PRETRAINING_POINTS, autoencoder_pair, check_autoencoders

        pair = autoencoder_pair(self.settings.model, self.device)
        mask = pair.ours.random_mask(2).to(self.device)
        self.agreement["pre-training loss"] = check_autoencoders(pair, self.clouds(2, PRETRAINING_POINTS), mask)
        return pair
