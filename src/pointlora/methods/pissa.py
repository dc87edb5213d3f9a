"""PiSSA (Meng et al., "PiSSA: principal singular values and singular vectors adaptation of large language models",
NeurIPS 2024): LoRA that starts at the largest singular values of the weight, which are taken out of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.methods.lora import LoraBranch
from pointlora.ops.eigenvectors import fixed_signs


class PissaBranch(LoraBranch):
    """scaling * (B A - B0 A0) x: A and B start at A0 and B0, whose scaled product is the principal part of W.

    So the layer's own weight stays what it is in the backbone's file, and the branch starts at zero.

    Args:
        layer, rank, scaling, dropout: see `LoraBranch`.
    """

    def __init__(self, layer: nn.Linear, rank: int, scaling: float, dropout: float = 0.0) -> None:
        super().__init__(layer, rank, scaling, dropout)
        down, up = principal_part(layer.weight.detach(), rank)
        self.A, self.B = nn.Parameter(down / scaling**0.5), nn.Parameter(up / scaling**0.5)
        self.start_A = nn.Parameter(self.A.detach().clone(), requires_grad=False)
        self.start_B = nn.Parameter(self.B.detach().clone(), requires_grad=False)

    def down(self) -> tuple[Tensor, None]:
        return torch.cat([self.A, self.start_A]), None

    def up(self) -> tuple[Tensor, None]:
        both = torch.cat([self.B, -self.start_B], 1)
        return (both if self.scaling == 1 else both * self.scaling), None

    def delta(self) -> Tensor:
        start = self.start_B.double() @ self.start_A.double()
        return ((self.B.double() @ self.A.double() - start) * self.scaling).to(self.B.dtype)


def principal_part(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Two matrices (rank, in) and (out, rank) whose product is the best approximation of a weight (out, in).

    Each holds the square roots of the singular values. They come from the eigenvectors of the smaller Gram matrix in
    float64, which takes a tenth of the time of a decomposition; of each the entry of largest magnitude is positive.
    """
    if weight.is_meta:
        return weight.new_empty(rank, weight.shape[1]), weight.new_empty(weight.shape[0], rank)
    exact = weight.double()
    wide = exact.shape[1] > exact.shape[0]
    if wide:
        exact = exact.t()
    squares, vectors = torch.linalg.eigh(exact.t() @ exact)
    right = fixed_signs(vectors[:, -rank:].flip(1))
    roots = squares[-rank:].flip(0).clamp_min(0).sqrt().sqrt()
    # W V = U S, so that W V / sqrt(S) = U sqrt(S).
    left = torch.where(roots > 0, exact @ right / roots, 0)
    first, last = (right * roots).t(), left
    if wide:
        first, last = last.t(), first.t()
    return first.to(weight.dtype).contiguous(), last.to(weight.dtype).contiguous()
