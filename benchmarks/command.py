"""The whole run: measure the machine, compare both sides, time every part in turns, print, store, check."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError
from pointlora.names import unknown_name

from .cases import CASES
from .check import read_reference, store_reference, worse_ratios
from .failures import full_text, short_text
from .settings import BATCH_SIZES, KEPT, QUICK_BATCH_SIZES, Case, Context, Settings

if TYPE_CHECKING:
    from .timing import Samples

    Timed = tuple[Case, dict[str, Samples]]

REPETITIONS, QUICK_REPETITIONS = 9, 3
BUDGET, QUICK_BUDGET = 25.0, 2.5  # seconds of timing a part

Result = TypeVar("Result")


def run(options: argparse.Namespace) -> int:
    """Run the benchmarks; returns the exit code, 1 if a ratio has become worse or a part failed."""
    if options.list:
        print("\n".join(f"{name:<10}{entry.description}" for name, entry in CASES.items()))
        return 0
    if options.child:
        from .child import run_child

        return run_child(options.child)
    if options.sweep:
        from .sweep_command import run_sweep

        return run_sweep(options, make_settings(options))
    if options.methods:
        from .methods import run_methods

        return run_methods(options, make_settings(options))
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
    for name, failure in found["failures"].items():
        print(f"{name} failed: {failure['error']}", file=sys.stderr)
    return 1 if worse or found["failures"] else 0


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
    """Measure the parts and print their table; everything measured, ready for JSON.

    A part that fails, be it because both sides differ, is left out and named under `failures`.
    """
    from .environment import describe, environment
    from .machine import measure_machine
    from .report import Timing, as_dict, collect_ratios, memory_table, sampling_line, timing_table, timings

    context = Context(settings)
    machine = measure_machine(context.device)
    timed, rows, failures = dict[str, "Timed"](), list[Timing](), dict[str, dict[str, str]]()
    for name in names:
        if name == "memory":
            continue
        print(f"{name}: {CASES[name].description}", flush=True)
        found = attempt(name, lambda name=name: time_part(name, context), failures)
        if found is not None:
            timed[name] = found
        machine = machine.best_of(measure_machine(context.device))
    for name, (case, samples) in timed.items():
        rows += attempt(name, lambda n=name, c=case, s=samples: timings(n, c, s, machine), failures) or []
    memory = attempt("memory", lambda: CASES["memory"].load()(context), failures) if "memory" in names else None
    print(f"\n{settings.key}\n{machine}\n{describe(context.device)}")
    for what, difference in context.agreement.items():
        print(f"{what} of both sides differ by {difference:.1e} at most")
    if rows:
        print(f"\n{timing_table(rows, settings.device)}")
    if "fps" in timed and settings.device == "cuda":
        print(f"\n{sampling_line(timed['fps'][1])}")
    if memory:
        print(f"\n{memory_table(memory, settings.device)}")
    return {
        "settings": asdict(settings),
        "machine": asdict(machine),
        "environment": environment(context.device),
        "agreement": context.agreement,
        "timings": as_dict(rows, {name: samples for name, (_, samples) in timed.items()}),
        "memory": memory,
        "ratios": collect_ratios(rows, memory),
        "failures": failures,
    }


def time_part(name: str, context: Context) -> Timed:
    """A part and the samples of each of its variants."""
    from .apart import Apart
    from .timing import interleave

    case = CASES[name].load()(context)
    settings, variants = context.settings, dict(case.variants)
    with ExitStack() as stack:
        if case.apart and settings.device == "cpu":
            variants[KEPT] = variants["plain"]
            variants["plain"] = stack.enter_context(Apart(name, settings))
        return case, interleave(variants, settings.repetitions, settings.budget, context.device)


def attempt(name: str, function: Callable[[], Result], failures: dict[str, dict[str, str]]) -> Result | None:
    """What the function returns; None after an error, which is noted under the name."""
    try:
        return function()
    except Exception as error:
        failures[name] = {"error": short_text(error), "trace": full_text(error)}
        return None
