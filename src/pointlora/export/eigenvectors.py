"""Eigenvectors of symmetric matrices by standard ONNX operators, among which there is none for it: Jacobi's method
(1846), with all pairs of a round at a time (Brent and Luk, "The solution of singular-value and symmetric eigenvalue
problems on multiprocessor arrays", SIAM Journal on Scientific and Statistical Computing, 1985).
"""

# The functions under @script are a language of its own, which looks like Python, and reads its annotations itself.
# mypy: ignore-errors

from __future__ import annotations

from typing import Any

import numpy as np
from onnxscript import DOUBLE, INT64, opset18, script

op: Any = opset18
# What is off the diagonal falls with every sweep over all pairs, in the end quadratically: 128 rows need 8 or 9.
SWEEPS = 10


@script(default_opset=opset18)
def _rotate(
    matrix: DOUBLE[...], identity: DOUBLE[...], partners: INT64[...], signs: DOUBLE[...], steps: INT64[...]
) -> tuple[DOUBLE[...], DOUBLE[...]]:
    """Matrices (..., n, n) after so many rounds of rotations, and these as a matrix whose rows become eigenvectors.

    In each round every row has a partner, and a sign: 1 for the first of a pair, -1 for the second, 0 if it rests.
    """
    rounds = op.Shape(partners, start=0, end=1)
    zero = op.ReduceSum(signs, keepdims=0) * 0.0
    one = op.Exp(zero)
    vectors = op.Expand(identity, op.Shape(matrix))
    rotated = op.Identity(matrix)
    for step in range(steps):
        partner = op.Squeeze(op.Gather(partners, op.Mod(step, rounds), axis=0), [0])
        sign = op.Squeeze(op.Gather(signs, op.Mod(step, rounds), axis=0), [0])
        own = op.ReduceSum(rotated * identity, [-1], keepdims=0)
        beside = op.ReduceSum(op.Gather(rotated, partner, axis=-1) * identity, [-1], keepdims=0)
        rests = op.Equal(beside * sign, zero)
        angle = (op.Gather(own, partner, axis=-1) - own) / (op.Where(rests, one, beside) * 2.0)
        direction = op.Where(op.Equal(angle, zero), sign, op.Sign(angle))
        tangent = op.Where(rests, zero, direction / (op.Abs(angle) + op.Sqrt(angle * angle + one)))
        cosine = one / op.Sqrt(tangent * tangent + one)
        sine = tangent * cosine
        down, down_sine = op.Unsqueeze(cosine, [-1]), op.Unsqueeze(sine, [-1])
        vectors = down * vectors - down_sine * op.Gather(vectors, partner, axis=-2)
        turned = down * rotated - down_sine * op.Gather(rotated, partner, axis=-2)
        across, across_sine = op.Unsqueeze(cosine, [-2]), op.Unsqueeze(sine, [-2])
        rotated = across * turned - across_sine * op.Gather(turned, partner, axis=-1)
    return rotated, vectors


def eigh(matrix: Any, uplo: str = "L", compute_v: bool = True) -> tuple[Any, Any]:
    """torch.linalg.eigh of (..., n, n) float64: values (..., n), the smallest first, and vectors in columns."""
    rank, size = len(matrix.shape), int(matrix.shape[-1])
    partners, signs = rounds_of_pairs(size)
    identity = op.Constant(value=_tensor(np.eye(size)))
    steps = op.Constant(value_int=SWEEPS * len(partners))
    rotated, vectors = _rotate(
        matrix, identity, op.Constant(value=_tensor(partners)), op.Constant(value=_tensor(signs)), steps
    )
    every = op.Constant(value_ints=[size])
    last = op.Constant(value_ints=[-1])
    values, order = op.TopK(op.ReduceSum(op.Mul(rotated, identity), last, keepdims=0), every, largest=0, sorted=1)
    places = op.Expand(op.Unsqueeze(order, last), op.Shape(vectors))
    ordered = op.GatherElements(vectors, places, axis=rank - 2)
    return values, op.Transpose(ordered, perm=[*range(rank - 2), rank - 1, rank - 2])


def rounds_of_pairs(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Partners (R, size) and signs (R, size) of rounds in which each row meets each other one once, as in a tournament.

    Where their number is odd, one rests in each round.
    """
    players = [*range(size), *([-1] if size % 2 else [])]
    partners, signs = [], []
    for _ in range(max(len(players) - 1, 1)):
        partner, sign = np.arange(size), np.zeros(size)
        for first, second in zip(players[: len(players) // 2], players[::-1], strict=False):
            if min(first, second) >= 0:
                partner[first], partner[second] = second, first
                sign[min(first, second)], sign[max(first, second)] = 1, -1
        partners.append(partner)
        signs.append(sign)
        players = [players[0], players[-1], *players[1:-1]]
    return np.stack(partners), np.stack(signs)


def _tensor(values: np.ndarray) -> Any:
    import onnx

    return onnx.numpy_helper.from_array(values)
