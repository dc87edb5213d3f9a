"""The highest memory of training steps, each variant in a process of its own."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..children import child_command, run_process
from ..settings import Context, Settings

STEPS = 2  # the first one makes the optimiser's state


class Variant(NamedTuple):
    """How our classifier takes its steps.

    Attributes:
        method: of tuning.
        bf16: in autocast.
        checkpointing: `training.gradient_checkpointing`.
    """

    method: str
    bf16: bool = False
    checkpointing: bool | str = False


OURS = {
    "ours": Variant("pointlora"),
    "ours recomputing": Variant("pointlora", checkpointing="frozen"),
    "ours bf16": Variant("pointlora", bf16=True),
    "ours recomputing bf16": Variant("pointlora", bf16=True, checkpointing="frozen"),
    "full": Variant("full"),
    "full bf16": Variant("full", bf16=True),
}
VARIANTS = (*OURS, "plain")


def memory(context: Context) -> dict[str, dict[str, float]]:
    """Bytes by variant: `resident`, all beyond an interpreter with torch, and `tensors`, those of a step alone.

    The second leaves out weights and the optimiser's state, which are there between steps too. On a GPU both are what
    torch has allocated there.
    """
    results = {}
    if context.device.type == "cuda":
        import torch

        torch.cuda.empty_cache()
    for variant in VARIANTS:
        results[variant] = measured_apart(context.settings, variant)._asdict()
    return results


class Memory(NamedTuple):
    """Bytes, see `memory`."""

    resident: float
    tensors: float


def measured_apart(settings: Settings, variant: str) -> Memory:
    """The memory of one of `VARIANTS`, or of `method NAME` or `method NAME bf16`, in a process of its own."""
    plain = variant == "plain"
    command = child_command(child_spec(settings, variant), plain)
    return Memory(**json.loads(run_process(command, settings.threads, plain).splitlines()[-1]))


def child_spec(settings: Settings, variant: str) -> dict[str, Any]:
    """What the child is told."""
    return {
        "what": "memory",
        "variant": variant,
        "model": settings.model,
        "batch_size": settings.batch_size,
        "threads": settings.threads,
        "device": settings.device,
    }


def measure(spec: dict[str, Any]) -> dict[str, float]:
    """In the child: build a model, take steps, and say how high memory rose."""
    import torch

    from ..settings import Context, Settings

    settings = Settings(spec["model"], spec["batch_size"], 1, 1.0, spec["threads"], spec["device"])
    torch.set_num_threads(settings.threads)
    context = Context(settings)
    _wake_up(context.device)
    before = highest_resident()
    step = variant_step(spec["variant"], settings.model, context.points)
    for _ in range(STEPS):
        step()
    resident = highest_resident() - before
    if context.device.type == "cuda":
        between = torch.cuda.memory_allocated(context.device)
        torch.cuda.reset_peak_memory_stats(context.device)
        step()
        torch.cuda.synchronize(context.device)
        peak = torch.cuda.max_memory_allocated(context.device)
        return {"resident": float(peak), "tensors": float(peak - between)}
    return {"resident": float(resident), "tensors": allocated_by(step)}


def variant_step(name: str, model: str, points: Any) -> Callable[[], float]:
    """The training step of a variant, see `measured_apart`, on a model of its own."""
    import torch

    from pointlora.training.checkpointing import checkpointed

    from ..models import NUM_CLASSES, our_classifier
    from .training import classifier_step, make_step, our_loss

    if name == "plain":
        return classifier_step(name, model, points)
    variant = _ours(name)
    labels = torch.arange(len(points), device=points.device) % NUM_CLASSES
    ours = our_classifier(model, variant.method).to(points.device)
    inner = make_step(ours, our_loss(ours, points, labels), points.device.type, variant.bf16)

    def step() -> float:
        with checkpointed(ours, variant.checkpointing):
            return inner()

    return step


def _ours(name: str) -> Variant:
    kind, _, method = name.partition(" ")
    if kind != "method":
        return OURS[name]
    return Variant(method.removesuffix(" bf16"), bf16=method.endswith(" bf16"))


def _wake_up(device: Any) -> None:
    """Let torch load and start what any step needs, so that it counts to the baseline."""
    import torch

    weight = torch.ones(64, 64, device=device, requires_grad=True)
    torch.nn.functional.gelu(torch.ones(64, 64, device=device) @ weight).sum().backward()


def highest_resident() -> int:
    """High-water mark of this process's resident memory, in bytes.

    `getrusage` starts from the parent's mark on Linux, so the kernel's own figure is read where there is one.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def allocated_by(function: Any) -> float:
    """Highest sum of bytes that tensors took during a call, beyond what they had before it."""
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        function()
    assert profile.profiler is not None
    assert profile.profiler.kineto_results is not None
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    total = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        total += event.nbytes()
        peak = max(peak, total)
    return float(peak)
