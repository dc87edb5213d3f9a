"""The classifier without gradients: its stages, a whole batch, a single cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import costs
from ..models import NUM_CLASSES
from ..settings import Case, Context


def without_gradient(function: Callable[..., Any], *arguments: Any, bf16_on: str | None = None) -> Callable[[], Any]:
    """A call of no arguments; with `bf16_on`, in bfloat16 autocast on that kind of device."""

    def call() -> Any:
        with torch.no_grad(), torch.autocast(bf16_on or "cpu", torch.bfloat16, enabled=bf16_on is not None):
            return function(*arguments)

    return call


def tokenizer(context: Context) -> Case:
    """Ready patches to tokens and positions."""
    pair, points, kind = context.classifiers, context.points, context.device.type
    patches, groupings = pair.ours.group(points), pair.plain.groupings(points)
    variants = {
        "ours": without_gradient(pair.ours.embed, patches),
        "ours bf16": without_gradient(pair.ours.embed, patches, bf16_on=kind),
        "plain": without_gradient(pair.plain.tokens, groupings),
    }
    return Case(variants, costs.tokenizers(len(points), pair.sizes), apart=True)


def blocks(context: Context) -> Case:
    """A ready sequence to the outputs of the last block; ours includes the final norm."""
    pair, points, kind = context.classifiers, context.points, context.device.type
    last = (pair.sizes.depth - 1,)
    sequence = _sequence(pair.ours, points)
    x, positions, _ = without_gradient(lambda: pair.plain.sequence(pair.plain.tokens(pair.plain.groupings(points))))()
    variants = {
        "ours": without_gradient(pair.ours.run_blocks, sequence, last),
        "ours bf16": without_gradient(pair.ours.run_blocks, sequence, last, bf16_on=kind),
        "plain": without_gradient(lambda: pair.plain.norm(pair.plain.blocks(x, positions, pair.sizes.num_groups))),
    }
    return Case(variants, costs.blocks(len(points), pair.sizes))


def head(context: Context) -> Case:
    """Normalised tokens to logits."""
    pair, points, kind = context.classifiers, context.points, context.device.type
    sequence = _sequence(pair.ours, points)

    def ours(tokens: Tensor) -> Tensor:
        return pair.ours.head(pair.ours.pool(sequence._replace(tokens=pair.ours.norm(tokens))))

    tokens = sequence.tokens
    variants = {
        "ours": without_gradient(ours, tokens),
        "ours bf16": without_gradient(ours, tokens, bf16_on=kind),
        "plain": without_gradient(pair.plain.head, tokens),
    }
    return Case(variants, costs.head(len(points), pair.sizes.embed_dim, NUM_CLASSES))


def evaluate(context: Context) -> Case:
    """A whole batch."""
    return _forward(context, context.points, apart=True)


def latency(context: Context) -> Case:
    """One cloud alone."""
    return _forward(context, context.points[:1])


def _forward(context: Context, points: Tensor, apart: bool = False) -> Case:
    pair, kind = context.classifiers, context.device.type
    variants = {
        "ours": without_gradient(pair.ours, points),
        "ours bf16": without_gradient(pair.ours, points, bf16_on=kind),
        "plain": without_gradient(pair.plain, points),
    }
    return Case(variants, costs.classifier(len(points), points.shape[1], pair.sizes, NUM_CLASSES), apart=apart)


def _sequence(model: Any, points: Tensor) -> Any:
    with torch.no_grad():
        own, *others = model.embed(model.group(points))
        return model.method.extend(model.assemble(own), others)
