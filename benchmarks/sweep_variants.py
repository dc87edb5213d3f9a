"""What a sweep over batch sizes measures: tasks, the variants of each, and the networks that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pointlora.models.classifier import ClassifierOutput
from pointlora.training.cuda_graphs import GraphedClassifier

from .cases.network import without_gradient
from .cases.training import make_step, our_loss, plain_loss
from .models import NUM_CLASSES, classifier_pair, our_classifier
from .precision import with_rounded_convolutions

INFERENCE, TRAINING, COMPILED = "inference", "training step", "training step, compiled"
PLAIN = "plain float32"  # what the others are compared with
LEAST_TRAINED = 2  # clouds; the head's BatchNorm needs a variance


@dataclass(frozen=True)
class Variant:
    """One way to do a task.

    Attributes:
        name: in the table.
        network: `ours` (PointLoRA), `full` (our full fine-tuning), `plain`, or PointLoRA once more: `compiled`, and
            `graphed`, whose steps are replayed as CUDA graphs, as training does by default.
        bf16: in bfloat16 autocast.
        rounded: with TF32 in convolutions, as torch does by default.
    """

    name: str
    network: str
    bf16: bool = False
    rounded: bool = False


def variants_of(task: str, device_type: str) -> list[Variant]:
    """The variants of a task; plain twice on a GPU, without and with TF32 in its convolutions."""
    ours, ours_bf16 = Variant("PointLoRA float32", "ours"), Variant("PointLoRA bf16", "ours", bf16=True)
    plain = [Variant(PLAIN, "plain")]
    if device_type == "cuda":
        plain.append(Variant("plain, TF32 convolutions", "plain", rounded=True))
    if task == INFERENCE:
        return [ours, ours_bf16, *plain]
    if task == COMPILED:
        return [Variant("PointLoRA bf16 compiled", "compiled", bf16=True), ours_bf16, *plain[:1]]
    full = Variant("full fine-tuning float32", "full"), Variant("full fine-tuning bf16", "full", bf16=True)
    graphed = [Variant("PointLoRA bf16, CUDA graphs", "graphed", bf16=True)] if device_type == "cuda" else []
    return [ours, ours_bf16, *graphed, *full, *plain]


class Networks:
    """The networks of a sweep by name, each made when it is first asked for; `ours` and `plain` have equal weights."""

    def __init__(self, model: str, device: torch.device) -> None:
        self.model, self.device = model, device
        self.pair = classifier_pair(model, device)
        self._made: dict[str, Any] = {"ours": self.pair.ours, "plain": self.pair.plain}

    def get(self, name: str) -> Any:
        """The network of a variant."""
        if name not in self._made:
            method = "full" if name == "full" else "pointlora"
            self._made[name] = our_classifier(self.model, method).to(self.device)
        return self._made[name]

    def zero_grad(self) -> None:
        """Free the gradients that a step which failed has left."""
        for network in self._made.values():
            network.zero_grad(set_to_none=True)


def call_of(variant: Variant, task: str, network: Any, points: Tensor) -> Callable[[], Any]:
    """What is timed: logits of the clouds (B, N, 3) without gradients, or a whole training step on them.

    It sets the network's mode, so that calls of different tasks can't be mixed.
    """
    kind, is_plain = points.device.type, variant.network == "plain"
    if task == INFERENCE:
        network.eval()
        call = without_gradient(network, points, bf16_on=kind if variant.bf16 else None)
    else:
        labels = torch.arange(len(points), device=points.device) % NUM_CLASSES
        loss = (plain_loss if is_plain else our_loss)(_in_training(variant, network), points, labels)
        call = make_step(network, loss, kind, variant.bf16, plain=is_plain)
    return with_rounded_convolutions(call) if variant.rounded else call


def _in_training(variant: Variant, network: Any) -> Any:
    """The network as a training step calls it."""
    if variant.network != "graphed":
        return network
    replayed = GraphedClassifier(network.train(), wanted=True, bf16=variant.bf16)
    return lambda points: ClassifierOutput(*replayed(points))


def bytes_of(network: Any) -> int:
    """Bytes of a network's parameters and buffers."""
    tensors = {tensor.data_ptr(): tensor for tensor in (*network.parameters(), *network.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
