"""Whole steps of training: forward, backward, clipped gradients, AdamW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.recipes.parts import OptimizerConfig
from pointlora.training.optimizer import clip_gradients, make_optimizer, parameter_groups

from .. import costs
from ..models import NUM_CLASSES, PRETRAINING_POINTS, classifier_pair, our_classifier, plain_classifier
from ..settings import Case, Context

MASK_LOSS_WEIGHT = 0.004
CLIP_NORM = 10.0
VARIANTS = ("ours", "ours bf16", "full", "plain")


def make_step(
    model: nn.Module, loss: Callable[[], Tensor], kind: str, bf16: bool = False, plain: bool = False
) -> Callable[[], float]:
    """A training step as a function of no arguments; `plain` clips and takes AdamW by torch's default ways."""
    model.train()
    optimizer = make_optimizer(model, OptimizerConfig(lr=1e-6, warmup_lr=1e-6))
    if plain:
        optimizer = torch.optim.AdamW(parameter_groups(model.named_parameters(), 0.05), lr=1e-6)
    clip = clip_gradients if kind == "cpu" and not plain else nn.utils.clip_grad_norm_
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def step() -> float:
        with torch.autocast(kind, torch.bfloat16, enabled=bf16):
            value = loss()
        value.backward()
        clip(trained, CLIP_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return value.item()

    return step


def our_loss(model: Any, points: Tensor, labels: Tensor) -> Callable[[], Tensor]:
    """Cross-entropy and mask loss of the library's classifier."""

    def loss() -> Tensor:
        output = model(points)
        return F.cross_entropy(output.logits, labels) + MASK_LOSS_WEIGHT * output.auxiliary_loss

    return loss


def plain_loss(model: nn.Module, points: Tensor, labels: Tensor) -> Callable[[], Tensor]:
    """The same of the plain classifier."""

    def loss() -> Tensor:
        logits, mask_loss = model(points)
        return F.cross_entropy(logits, labels) + MASK_LOSS_WEIGHT * mask_loss

    return loss


def classifier_step(variant: str, model: str, points: Tensor) -> Callable[[], float]:
    """The step of one of `VARIANTS`, on a model of its own: `full` is our full fine-tuning."""
    labels = torch.arange(len(points), device=points.device) % NUM_CLASSES
    kind = points.device.type
    if variant == "plain":
        plain = plain_classifier(model).to(points.device)
        return make_step(plain, plain_loss(plain, points, labels), kind, plain=True)
    ours = our_classifier(model, "full" if variant == "full" else "pointlora").to(points.device)
    return make_step(ours, our_loss(ours, points, labels), kind, variant == "ours bf16")


def train(context: Context) -> Case:
    """Fine-tuning; both sides start from equal weights, which the check of the classifiers has compared."""
    settings, points = context.settings, context.points
    sizes = context.classifiers.sizes
    pair = classifier_pair(settings.model, context.device)
    labels = torch.arange(len(points), device=points.device) % NUM_CLASSES
    trained = sum(value.numel() for value in pair.ours.parameters() if value.requires_grad)
    kind, ours = context.device.type, our_loss(pair.ours, points, labels)
    variants = {
        "ours": make_step(pair.ours, ours, kind),
        "ours bf16": make_step(pair.ours, ours, kind, bf16=True),
        "full": classifier_step("full", settings.model, points),
        "plain": make_step(pair.plain, plain_loss(pair.plain, points, labels), kind, plain=True),
    }
    work = costs.classifier(len(points), points.shape[1], sizes, NUM_CLASSES, costs.TUNING)
    return Case(variants, work + costs.optimizer(trained), apart=True)


def features(context: Context) -> Case:
    """Fine-tuning on points with three features, in the place of `plain` the same on points without."""
    points, kind = context.points, context.device.type
    labels = torch.arange(len(points), device=points.device) % NUM_CLASSES
    steps = {}
    for name, count in (("ours", 3), ("plain", 0)):
        model = our_classifier(context.settings.model, "pointlora-plus", count).to(points.device)
        given = torch.cat([points, torch.rand_like(points)[..., :count]], -1)
        steps[name] = make_step(model, our_loss(model, given, labels), kind)
    return Case(steps)


def pretrain(context: Context) -> Case:
    """Masked pre-training under one random mask."""
    pair, kind = context.autoencoders, context.device.type
    points = context.clouds(context.settings.batch_size, PRETRAINING_POINTS)
    mask = pair.ours.random_mask(len(points)).to(context.device)
    trained = sum(value.numel() for value in pair.ours.parameters())

    def ours() -> Tensor:
        return pair.ours(points, mask=mask).loss

    variants = {
        "ours": make_step(pair.ours, ours, kind),
        "ours bf16": make_step(pair.ours, ours, kind, bf16=True),
        "plain": make_step(pair.plain, lambda: pair.plain(points, mask), kind, plain=True),
    }
    work = costs.pretraining(len(points), PRETRAINING_POINTS, pair.sizes, pair.ours.num_masked)
    return Case(variants, work + costs.optimizer(trained), apart=True)
