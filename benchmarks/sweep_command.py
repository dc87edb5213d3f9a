"""`pointlora benchmark --sweep`: what a sweep is told, prints and stores."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from typing import Any

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError

from .environment import describe, environment
from .failures import short_text
from .machine import measure_machine
from .settings import Context, Settings
from .sweep import Sweep
from .sweep_report import as_dict, sweep_table

REPETITIONS, QUICK_REPETITIONS = 5, 3
BUDGETS = {"cpu": 600.0, "cuda": 120.0}  # seconds of a whole sweep
OTHER_OPTIONS = ("only", "batch_size", "check", "save_ratios")


def run_sweep(options: argparse.Namespace, settings: Settings) -> int:
    """Run a sweep, print its table, write it as JSON after every task; returns the exit code 0.

    Raises:
        ConfigError: for an option of the other parts.
        DisagreementError: if both sides give different logits on a CPU; on a GPU that is reported.
    """
    for name in OTHER_OPTIONS:
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is not for --sweep: leave one of the two out")
    batch_sizes = sorted(set(options.sweep))
    repetitions = options.repetitions or (QUICK_REPETITIONS if options.quick else REPETITIONS)
    settings = replace(settings, batch_size=batch_sizes[-1], repetitions=repetitions)
    budget = options.sweep_budget or BUDGETS[settings.device]
    begin = time.perf_counter()
    sweep = Sweep(Context(settings), begin + budget)
    head = header(sweep, budget)
    print("\n".join(head["lines"]), flush=True)

    def store() -> None:
        if options.json:
            found = {**head, "seconds": time.perf_counter() - begin, "sweep": [as_dict(cell) for cell in sweep.cells]}
            write_text_atomically(options.json, json.dumps(found, indent=1) + "\n")

    sweep.measure(batch_sizes, options.sweep_compile, store)
    print(f"\n{sweep_table(sweep.cells, settings.device)}\n\n{time.perf_counter() - begin:.0f} s")
    store()
    return 0


def header(sweep: Sweep, budget: float) -> dict[str, Any]:
    """What the figures depend on, ready for JSON; under `lines` as text."""
    settings, device = sweep.context.settings, sweep.context.device
    agreement = sweep.agreement()
    found: dict[str, Any] = {"settings": asdict(settings), "budget": budget, "agreement": agreement}
    lines = [f"{settings.model}, {settings.num_points} points, {settings.device}, {settings.threads} threads"]
    for name, measured in (("machine", lambda: measure_machine(device)), ("environment", lambda: environment(device))):
        try:
            value = measured()
            found[name] = value if isinstance(value, dict) else asdict(value)
            lines.append(describe(device) if isinstance(value, dict) else str(value))
        except Exception as error:
            found[name] = short_text(error)
            lines.append(f"{name}: {found[name]}")
    return {**found, "lines": [*lines, agreement["text"]]}
