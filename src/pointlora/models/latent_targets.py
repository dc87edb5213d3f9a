"""Latent targets of a slowly moving teacher: what a masked patch means rather than where its points lie.

data2vec (Baevski et al., ICML 2022), for points point2vec (Zeid et al., GCPR 2023): the teacher is the moving average
of the encoder, it sees all patches, and the student predicts the mean of its last blocks' outputs where patches are
hidden.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from pointlora.models.backbone import Backbone
from pointlora.models.method import TokenSet
from pointlora.ops.grouping import Patches


def weights_as_buffers(module: nn.Module) -> nn.Module:
    """The same module with every parameter turned into a buffer: it is kept in checkpoints and never trained."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                del part._parameters[name]
                part.register_buffer(name, parameter.detach().clone())
    return module


class Teacher(nn.Module):
    """The moving average of an encoder, and its targets.

    Args:
        encoder: what it starts as.
        momentum: share of itself that it keeps in each update, in [0, 1).
    """

    def __init__(self, encoder: Backbone, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.encoder = weights_as_buffers(copy.deepcopy(encoder))
        self.encoder.eval()

    def train(self, mode: bool = True) -> Teacher:
        """Always in evaluation mode: the average of the running statistics belongs to the average of the weights."""
        return super().train(False)

    @torch.no_grad()
    def follow(self, encoder: Backbone) -> None:
        """One step of the average: m times itself plus (1 - m) times the encoder, running statistics included."""
        own = dict(self.encoder.named_buffers())
        new = dict(encoder.named_parameters()) | dict(encoder.named_buffers())
        averaged = [name for name, value in own.items() if value.is_floating_point()]
        targets, sources = [own[name] for name in averaged], [new[name] for name in averaged]
        torch._foreach_lerp_(targets, sources, 1 - self.momentum)

    @torch.no_grad()
    def targets(self, patches: Patches) -> Tensor:
        """(B, G, C) float32 targets of all patches: the mean of the outputs of the last half of the blocks, each
        normalised over its channels; then every channel is normalised over the patches of the batch, so that features
        which are the same everywhere are no target that is easily met.
        """
        encoder: Backbone = self.encoder  # type: ignore[assignment]
        depth = len(encoder.blocks)
        own = TokenSet(encoder.tokenizer(patches.neighborhoods), encoder.position(patches.centers), patches.centers)
        sequences = encoder.run_blocks(encoder.assemble(own), tuple(range(depth // 2, depth)))
        outputs = [functional.layer_norm(each.patches.float(), each.patches.shape[-1:]) for each in sequences]
        mean = torch.stack(outputs).mean(0)
        deviation, average = torch.std_mean(mean, (0, 1))
        return (mean - average) / (deviation + 1e-5)
