"""Timing several variants in turns, so that a slow minute of the machine hits all of them alike."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

# Seconds; shorter functions are called several times per sample. A GPU is waited for at its end, so it is longer there.
SHORTEST = {"cpu": 0.02, "cuda": 0.05}
LONG_START = 3.0  # seconds; a first call on a GPU that takes less may have spent it on compiling and loading kernels


@dataclass
class Samples:
    """Seconds per call: wall time, and processor time of all threads and child processes; and the calls per sample."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    calls: int = 1


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    low: float
    high: float


def sample(function: Callable[[], Any], calls: int, device: torch.device) -> tuple[float, float]:
    """Seconds a call takes, wall time and processor time; a function with a method `sample` measures itself."""
    own = getattr(function, "sample", None)
    if own is not None:
        wall, cpu = own(calls)
        return wall, cpu
    start, start_cpu = clock(device), processor_seconds()
    for _ in range(calls):
        function()
    return (clock(device) - start) / calls, (processor_seconds() - start_cpu) / calls


def clock(device: torch.device) -> float:
    """Wall time after everything that was given to the device has been done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def processor_seconds() -> float:
    """Processor time of this process, all of its threads, and its finished children."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def interleave(
    variants: Mapping[str, Callable[[], Any]],
    repetitions: int,
    budget: float,
    device: torch.device,
    settle: bool = False,
) -> dict[str, Samples]:
    """Time each variant once a round, the order turning from round to round, after one warm-up of each.

    Args:
        variants: name -> what to time.
        repetitions: rounds.
        budget: seconds after which no further round is begun, once there have been two.
        device: that is waited for.
        settle: call each variant once more before each of its samples, so that what a change of variants costs isn't
            timed: on a GPU too small for the memory of all of them the allocator gives back and asks anew.
    """
    samples = {name: Samples(calls=_calls_a_sample(function, device)) for name, function in variants.items()}
    names, begin = list(variants), time.perf_counter()
    for turn in range(repetitions):
        if turn >= 2 and time.perf_counter() - begin > budget:
            break
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            if settle:
                variants[name]()
            own = samples[name]
            wall, cpu = sample(variants[name], own.calls, device)
            own.wall.append(wall)
            own.cpu.append(cpu)
    return samples


def _calls_a_sample(function: Callable[[], Any], device: torch.device) -> int:
    """Warm up; how many calls make a sample that is long enough to be timed."""
    shortest = SHORTEST[device.type]
    seconds, _ = sample(function, 1, device)
    if seconds < (LONG_START if device.type == "cuda" else 10 * shortest):
        # The first call also loads and allocates; the second one tells how long a call takes.
        seconds, _ = sample(function, 1, device)
    return max(1, math.ceil(shortest / max(seconds, 1e-6)))


def spread(values: list[float]) -> Spread:
    """Median and quartiles of some values."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return Spread(float(median), float(low), float(high))


def ratios(numerators: list[float], denominators: list[float]) -> Spread:
    """Spread of the ratios of values that were measured in the same round."""
    return spread([above / max(below, 1e-12) for above, below in zip(numerators, denominators, strict=True)])
