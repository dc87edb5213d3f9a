"""Results as an aligned table, as JSON, and as ratios that can be compared with stored ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from pointlora.reports.tables import text_table

from .machine import Machine
from .settings import KEPT, Case
from .timing import Samples, Spread, ratios, spread

# Full fine-tuning does another thing than the plain form of PointLoRA: their ratio says nothing about either.
NOT_COMPARED = ("plain", "full")
GUARDED = 2e-3  # seconds; ratios of anything shorter are noise, so they are not stored
CPU_COLUMNS = ("CPU ms", "by CPU")
HEADER = (
    "part",
    "variant",
    "wall ms",
    "quartiles",
    "CPU ms",
    "plain / ours",
    "quartiles",
    "by CPU",
    "floor ms",
    "of floor",
)


@dataclass(frozen=True)
class Timing:
    """One variant of one case; seconds, and ratios plain / this.

    Attributes:
        wall, cpu: seconds per call.
        ratio, cpu_ratio: None for what isn't compared with `plain`.
        floor: least seconds that this machine needs; None where it isn't known.
    """

    case: str
    variant: str
    wall: Spread
    cpu: Spread
    ratio: Spread | None
    cpu_ratio: Spread | None
    floor: float | None

    @property
    def share(self) -> float | None:
        """Floor / time: 1 would be as fast as the machine allows."""
        return None if self.floor is None else self.floor / self.wall.median


def timings(name: str, case: Case, samples: dict[str, Samples], machine: Machine) -> list[Timing]:
    """The rows of a case."""
    rows, plain = [], samples["plain"]
    fixed = None if case.fixed_floor is None else case.fixed_floor()
    for variant, own in samples.items():
        dtype = torch.bfloat16 if variant.endswith("bf16") else torch.float32
        compared = variant not in NOT_COMPARED
        bounded = compared and variant != KEPT  # the floor is that of our arithmetic
        floor = (case.floor.seconds(machine, dtype) or None) if fixed is None else fixed
        rows.append(
            Timing(
                name,
                variant,
                spread(own.wall),
                spread(own.cpu),
                ratios(plain.wall, own.wall) if compared else None,
                ratios(plain.cpu, own.cpu) if compared else None,
                floor if bounded else None,
            )
        )
    return rows


def timing_table(rows: list[Timing], device: str) -> str:
    """All timings, a line each; without processor time on a GPU, for which a processor waits at full load."""
    shown = [number for number, name in enumerate(HEADER) if device == "cpu" or name not in CPU_COLUMNS]
    cells = [_cells(row) for row in rows]
    return text_table([HEADER[number] for number in shown], [[row[number] for number in shown] for row in cells])


def milliseconds(seconds: float) -> str:
    """Seconds in milliseconds, with three digits or more."""
    digits = 3 if seconds < 1e-3 else 2 if seconds < 1 else 0
    return f"{1e3 * seconds:.{digits}f}"


def sampling_line(samples: dict[str, Samples]) -> str:
    """The absolute times of farthest point sampling, which on a GPU is a single kernel."""
    found = (
        f"{variant} {milliseconds(spread(own.wall).median)} ms (median of {len(own.wall)} samples of {own.calls} calls)"
        for variant, own in samples.items()
    )
    return f"fps, a call: {', '.join(found)}"


def _cells(row: Timing) -> list[object]:
    def times(ratio: Spread | None) -> str | None:
        return None if ratio is None else f"{ratio.median:.2f}"

    return [
        row.case,
        row.variant,
        milliseconds(row.wall.median),
        f"{milliseconds(row.wall.low)} - {milliseconds(row.wall.high)}",
        milliseconds(row.cpu.median),
        times(row.ratio),
        None if row.ratio is None else f"{row.ratio.low:.2f} - {row.ratio.high:.2f}",
        times(row.cpu_ratio),
        None if row.floor is None else milliseconds(row.floor),
        None if row.share is None else f"{100 * row.share:.0f} %",
    ]


def memory_table(measured: dict[str, dict[str, float]], device: str) -> str:
    """Highest memory of a training step by variant; `of full` is of full fine-tuning in the same precision."""
    full, plain = measured["full"], measured["plain"]
    same = {True: measured.get("full bf16", full), False: full}
    header = (
        "memory of a training step",
        "resident MiB" if device == "cpu" else "allocated MiB",
        "of plain",
        "of full",
        "tensors of the step MiB",
        "of plain",
        "of full",
    )
    rows = []
    for variant, own in measured.items():
        cells: list[object] = [variant]
        for kind in ("resident", "tensors"):
            cells += [f"{own[kind] / 2**20:.0f}"]
            others = plain, same[variant.endswith("bf16")]
            cells += [f"{100 * own[kind] / other[kind]:.0f} %" for other in others]
        rows.append(cells)
    return text_table(header, rows)


def collect_ratios(rows: list[Timing], measured: dict[str, dict[str, float]] | None) -> dict[str, dict[str, float]]:
    """`case/variant` -> ratios by kind; more is better in all of them."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.variant != KEPT and row.ratio is not None and row.cpu_ratio is not None and row.wall.median >= GUARDED:
            found[f"{row.case}/{row.variant}"] = {"wall": row.ratio.median, "cpu": row.cpu_ratio.median}
    if measured is not None:
        for other in ("plain", "full"):
            found[f"memory/ours to {other}"] = {
                kind: measured[other][kind] / measured["ours"][kind] for kind in ("resident", "tensors")
            }
    return found


def as_dict(rows: list[Timing], samples: dict[str, dict[str, Samples]]) -> list[dict[str, Any]]:
    """Every timing with its single samples, for JSON."""
    return [
        {**asdict(row), "share_of_floor": row.share, "samples": asdict(samples[row.case][row.variant])} for row in rows
    ]
