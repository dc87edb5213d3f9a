"""The whole run: measure the machine, compare both sides, time every part in turns, print, store, check."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from typing import Any

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError
from pointlora.names import unknown_name

from .cases import CASES
from .check import read_reference, store_reference, worse_ratios
from .settings import BATCH_SIZES, QUICK_BATCH_SIZES, Context, Settings

REPETITIONS, QUICK_REPETITIONS = 9, 3
BUDGET, QUICK_BUDGET = 25.0, 2.5  # seconds of timing a part


def run(options: argparse.Namespace) -> int:
    """Run the benchmarks; returns the exit code, 1 if a ratio has become worse."""
    if options.list:
        print("\n".join(f"{name:<10}{entry.description}" for name, entry in CASES.items()))
        return 0
    if options.child:
        from .children import run_child

        return run_child(options.child)
    names, settings = chosen_cases(options.only), make_settings(options)
    reference = read_reference(options.check, settings.key) if options.check else None
    begin = time.perf_counter()
    found = measure(names, settings)
    print(f"\n{time.perf_counter() - begin:.0f} s")
    if options.json:
        write_text_atomically(options.json, json.dumps(found, indent=1) + "\n")
    if options.save_ratios:
        store_reference(options.save_ratios, settings.key, found["ratios"])
    worse = [] if reference is None else worse_ratios(reference, found["ratios"], options.tolerance)
    for line in worse:
        print(f"worse than {options.check}: {line}")
    return 1 if worse else 0


def chosen_cases(only: str | None) -> list[str]:
    """Names of the parts to measure.

    Raises:
        ConfigError: for an unknown one.
    """
    if only is None:
        return list(CASES)
    wanted = [name.strip() for name in only.split(",")]
    for name in wanted:
        if name not in CASES:
            raise ConfigError(unknown_name("part", name, CASES))
    return [name for name in CASES if name in wanted]


def make_settings(options: argparse.Namespace) -> Settings:
    """Settings from the command line; sets the number of torch's threads.

    Raises:
        ConfigError: for CUDA where there is none.
    """
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device is cuda, but torch finds no CUDA device: use cpu or auto")
    device = "cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu"
    torch.set_num_threads(options.threads)
    batch_sizes = QUICK_BATCH_SIZES if options.quick else BATCH_SIZES
    return Settings(
        options.model,
        options.batch_size or batch_sizes[options.model],
        options.repetitions or (QUICK_REPETITIONS if options.quick else REPETITIONS),
        QUICK_BUDGET if options.quick else BUDGET,
        options.threads,
        device,
    )


def measure(names: list[str], settings: Settings) -> dict[str, Any]:
    """Measure the parts and print their table; everything measured, ready for JSON."""
    from .machine import measure_machine
    from .report import as_dict, collect_ratios, memory_table, timing_table, timings
    from .timing import Samples, interleave

    context = Context(settings)
    machine = measure_machine(context.device)
    cases, samples = {}, dict[str, dict[str, Samples]]()
    for name in names:
        if name == "memory":
            continue
        print(f"{name}: {CASES[name].description}", flush=True)
        cases[name] = CASES[name].load()(context)
        samples[name] = interleave(cases[name].variants, settings.repetitions, settings.budget, context.device)
        machine = machine.best_of(measure_machine(context.device))
    rows = [row for name, case in cases.items() for row in timings(name, case, samples[name], machine)]
    memory = CASES["memory"].load()(context) if "memory" in names else None
    print(f"\n{settings.key}\n{machine}")
    for what, difference in context.agreement.items():
        print(f"{what} of both sides differ by {difference:.1e} at most")
    if rows:
        print(f"\n{timing_table(rows)}")
    if memory:
        print(f"\n{memory_table(memory)}")
    return {
        "settings": asdict(settings),
        "machine": asdict(machine),
        "agreement": context.agreement,
        "timings": as_dict(rows, samples),
        "memory": memory,
        "ratios": collect_ratios(rows, memory),
    }
