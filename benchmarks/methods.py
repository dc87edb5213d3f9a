"""`pointlora benchmark --methods`: what each tuning method costs in time, memory and bytes, beside full fine-tuning."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError
from pointlora.methods.table import get_preset, list_methods
from pointlora.reports.tables import markdown_table

from .settings import Context, Settings
from .timing import Samples, interleave, ratios, spread

FULL = "full"
DEFAULT = ("full", "head_only", "lora", "pointlora", "pointlora-plus")
# Left out of `all`: the steps of the first are those of full fine-tuning, and the second is fitted, without steps.
NOT_TIMED = ("scratch", "probe")
OTHER_OPTIONS = ("only", "check", "save_ratios", "sweep")
# Seconds of timing for each method; steps of the published sizes take seconds.
BUDGET, QUICK_BUDGET = 40.0, 5.0


@dataclass
class MethodCost:
    """What a method costs at a batch size.

    Attributes:
        method: its name.
        step, inference: seconds of a training step of the batch, and of its logits.
        resident, tensors: bytes of a training step, see `cases.memory.memory`.
        trained: parameters, the head's among them.
        adapter: bytes of its file.
    """

    method: str
    step: Samples
    inference: Samples
    resident: float
    tensors: float
    trained: int
    adapter: int


def run_methods(options: argparse.Namespace, settings: Settings) -> int:
    """Measure, print the table, write it as JSON; returns the exit code 0.

    Raises:
        ConfigError: for an option of the other parts, or an unknown method.
    """
    for name in OTHER_OPTIONS:
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is not for --methods: leave one of the two out")
    names = method_names(options.methods)
    settings = replace(settings, budget=(QUICK_BUDGET if options.quick else BUDGET) * len(names))
    costs = measure_methods(names, settings, options.bf16)
    precision = "bfloat16" if options.bf16 else "float32"
    print(f"\n{settings.key}, {precision}\n\n{methods_table(costs)}")
    if options.json:
        found = {"settings": asdict(settings), "precision": precision, "methods": [asdict(cost) for cost in costs]}
        write_text_atomically(options.json, json.dumps(found, indent=1) + "\n")
    return 0


def method_names(text: str) -> list[str]:
    """The methods that were named, with full fine-tuning first, to which all are compared.

    `default` stands for five of them, `all` for every one with steps of its own.

    Raises:
        ConfigError: for an unknown one.
    """
    sets = {"default": list(DEFAULT), "all": [name for name in list_methods() if name not in NOT_TIMED]}
    given = sets.get(text) or [name.strip() for name in text.split(",")]
    for name in given:
        get_preset(name)
    return list(dict.fromkeys([FULL, *given]))


def measure_methods(names: Sequence[str], settings: Settings, bf16: bool = False) -> list[MethodCost]:
    """Steps of all methods in turns, then their inference in turns, then the memory of each in a process of its own."""
    from .cases.memory import measured_apart
    from .cases.network import without_gradient
    from .models import our_classifier

    context = Context(settings)
    models = {name: our_classifier(settings.model, name).to(context.device) for name in names}
    timed: dict[str, dict[str, Samples]] = {}
    _say(f"steps of {len(names)} methods, in turns")
    calls: dict[str, Any] = {name: _step(model, context, bf16) for name, model in models.items()}
    timed["step"] = interleave(calls, settings.repetitions, settings.budget, context.device)
    kind = settings.device if bf16 else None
    _say("their inference, in turns")
    for model in models.values():
        model.eval()
    calls = {name: without_gradient(model, context.points, bf16_on=kind) for name, model in models.items()}
    timed["inference"] = interleave(calls, settings.repetitions, settings.budget, context.device)
    costs = []
    for number, (name, model) in enumerate(models.items(), 1):
        _say(f"memory of {name}, {number} of {len(names)}")
        memory = measured_apart(settings, f"method {name}{' bf16' if bf16 else ''}")
        trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
        adapter = adapter_bytes(model)
        costs.append(MethodCost(name, timed["step"][name], timed["inference"][name], *memory, trained, adapter))
    return costs


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _step(model: Any, context: Context, bf16: bool) -> Any:
    import torch

    from .cases.training import make_step, our_loss
    from .models import NUM_CLASSES

    labels = torch.arange(len(context.points), device=context.device) % NUM_CLASSES
    return make_step(model, our_loss(model, context.points, labels), context.device.type, bf16)


def adapter_bytes(model: Any) -> int:
    """Bytes of the adapter's folder."""
    from pointlora import save_adapter

    with tempfile.TemporaryDirectory() as folder:
        save_adapter(model.cpu(), folder)
        return sum(path.stat().st_size for path in Path(folder).iterdir())


def methods_table(costs: Sequence[MethodCost]) -> str:
    """A row a method in Markdown: times with their ratio to full fine-tuning within a round, memory with its share."""
    header = ["method", "step, ms", "of full", "by CPU time", "resident MiB", "of full", "tensors, MiB", "of full"]
    header += ["inference, ms", "trained", "adapter, MB"]
    full = next(cost for cost in costs if cost.method == FULL)
    rows = [
        [
            cost.method,
            f"{1e3 * spread(cost.step.wall).median:.0f}",
            f"{ratios(cost.step.wall, full.step.wall).median:.2f}",
            f"{ratios(cost.step.cpu, full.step.cpu).median:.2f}",
            f"{cost.resident / 2**20:.0f}",
            f"{cost.resident / full.resident:.2f}",
            f"{cost.tensors / 2**20:.0f}",
            f"{cost.tensors / full.tensors:.2f}",
            f"{1e3 * spread(cost.inference.wall).median:.0f}",
            f"{cost.trained:,}",
            f"{cost.adapter / 1e6:.2f}",
        ]
        for cost in costs
    ]
    return markdown_table(header, rows)
