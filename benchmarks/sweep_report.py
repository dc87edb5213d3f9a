"""A sweep's figures: one cell for each batch size, task and variant; as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pointlora.reports.tables import markdown_table

from .failures import full_text, short_text
from .report import milliseconds
from .timing import Samples, Spread, ratios, spread

NOT_RUN = "not run"  # the budget was spent


@dataclass
class Cell:
    """One variant of a task at one batch size; what isn't known is None.

    Attributes:
        batch: clouds.
        task: `inference` and the like.
        variant: its name.
        samples: seconds per call.
        ratio: seconds of plain / seconds of this, within a round.
        memory: bytes; on a GPU the highest that a call had allocated, weights, optimiser state and clouds included; on
            a CPU the highest sum of tensors that a call made.
        first_call: seconds of the first call, which also loads kernels.
        compile_seconds: that torch.compile took.
        note: why there are no times.
        trace: of an error.
    """

    batch: int
    task: str
    variant: str
    samples: Samples | None = None
    ratio: Spread | None = None
    memory: float | None = None
    first_call: float | None = None
    compile_seconds: float | None = None
    note: str | None = None
    trace: str | None = None

    def fail(self, error: BaseException) -> None:
        """Note an error instead of times."""
        self.note, self.trace, self.samples = short_text(error), full_text(error), None

    def take(self, samples: Samples, plain: Samples | None) -> None:
        """Note times, and those of the plain variant of the same rounds where there are any."""
        self.samples = samples
        self.ratio = None if plain is None else ratios(plain.wall, samples.wall)

    @property
    def wall(self) -> Spread | None:
        """Seconds a call."""
        return spread(self.samples.wall) if self.samples and self.samples.wall else None

    @property
    def clouds_per_second(self) -> float | None:
        """At the median."""
        return None if self.wall is None else self.batch / self.wall.median


def sweep_table(cells: Sequence[Cell], device: str) -> str:
    """All cells in Markdown, a row each; an error or `not run` stands in the place of the time."""
    compiled = any(cell.compile_seconds is not None for cell in cells)
    memory = "peak MiB" if device == "cuda" else "tensors of a call, MiB"
    header = ["batch", "task", "variant", "ms", "quartiles", "clouds/s", "plain / this", memory]
    rows = [[*_columns(cell), *([_rounded(cell.compile_seconds, 1)] if compiled else [])] for cell in cells]
    return markdown_table([*header, *(["compiling, s"] if compiled else [])], rows)


def cell_line(cell: Cell) -> str:
    """A cell's time for the progress of a run."""
    return f"  {cell.variant}: {cell.note or f'{_columns(cell)[3]} ms'}"


def as_dict(cell: Cell) -> dict[str, Any]:
    """A cell with its single samples, for JSON."""
    wall = cell.wall
    return {
        **asdict(cell),
        "milliseconds": None if wall is None else 1e3 * wall.median,
        "clouds_per_second": cell.clouds_per_second,
    }


def _columns(cell: Cell) -> list[object]:
    wall = cell.wall
    return [
        cell.batch,
        cell.task,
        cell.variant,
        cell.note if wall is None else milliseconds(wall.median),
        None if wall is None else f"{milliseconds(wall.low)} - {milliseconds(wall.high)}",
        _rounded(cell.clouds_per_second, 0 if (cell.clouds_per_second or 0) >= 100 else 1),
        _rounded(None if cell.ratio is None else cell.ratio.median, 2),
        _rounded(None if cell.memory is None else cell.memory / 2**20, 0),
    ]


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"
