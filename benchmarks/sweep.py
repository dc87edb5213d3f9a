"""Inference and training steps over batch sizes, every variant in turns.

All variants of a task at a batch size take turns, as in the other parts. Whatever fails, be it for want of memory, is a
cell with the error's text; what the budget has no time for is `not run`. The largest batches come last, and after them
what is compiled, because compiling takes longest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from pointlora.training.compiling import compiled

from .failures import short_text
from .models import TOLERANCE, checked, classifier_difference
from .settings import Context
from .sweep_memory import allocated, highest_memory, is_crowded, release
from .sweep_report import NOT_RUN, Cell, cell_line
from .sweep_variants import (
    COMPILED,
    INFERENCE,
    LEAST_TRAINED,
    PLAIN,
    TRAINING,
    Networks,
    Variant,
    bytes_of,
    call_of,
    variants_of,
)
from .timing import clock, interleave


class Sweep:
    """A sweep in progress.

    Args:
        context: device and clouds.
        deadline: on the performance counter; what hasn't begun by then isn't run.

    Attributes:
        cells: all that are measured so far.
    """

    def __init__(self, context: Context, deadline: float) -> None:
        self.context, self.device, self.deadline = context, context.device, deadline
        self.networks = Networks(context.settings.model, context.device)
        self.cells: list[Cell] = []
        self.longest_compile = 0.0

    def agreement(self) -> dict[str, Any]:
        """How far the logits of both sides differ.

        Raises:
            DisagreementError: if by more than 1e-4, on a CPU.
        """
        try:
            points = self.context.clouds(2, self.context.settings.num_points)
            difference = classifier_difference(self.networks.pair, points)
        except Exception as error:
            if self.device.type == "cpu":
                raise
            return {"logits": None, "text": f"logits of both sides were not compared: {short_text(error)}"}
        if self.device.type == "cpu":
            checked("logits", difference)
        verdict = "at most" if difference <= TOLERANCE else f"MORE THAN {TOLERANCE:g}: the sides do not agree"
        return {"logits": difference, "text": f"logits of both sides differ by {difference:.1e} {verdict}"}

    def measure(self, batch_sizes: Sequence[int], with_compile: bool, finished: Callable[[], None]) -> None:
        """Measure everything; `finished` is called after each task."""
        plan = [(batch, task) for batch in batch_sizes for task in (INFERENCE, TRAINING)]
        plan += [(batch, COMPILED) for batch in batch_sizes if with_compile]
        for batch, task in plan:
            print(f"{batch} clouds, {task}:", flush=True)
            variants = variants_of(task, self.device.type)
            cells = [Cell(batch, task, variant.name) for variant in variants]
            self.cells += cells
            self.measure_task(cells, variants)
            self.release()
            print("\n".join(map(cell_line, cells)), flush=True)
            finished()

    def release(self) -> None:
        """Free the memory of calls that nothing refers to any more."""
        self.networks.zero_grad()
        release(self.device)

    def measure_task(self, cells: Sequence[Cell], variants: Sequence[Variant]) -> None:
        """All variants of one task at one batch size."""
        batch, task = cells[0].batch, cells[0].task
        if task == COMPILED and self.deadline - time.perf_counter() < self.longest_compile:
            _note(cells, NOT_RUN)
        elif task != INFERENCE and batch < LEAST_TRAINED:
            _note(cells, f"needs {LEAST_TRAINED} clouds (BatchNorm)")
        else:
            try:
                points = self.context.clouds(batch, self.context.settings.num_points)
                with ExitStack() as stack:
                    if task == COMPILED:
                        stack.callback(torch.compiler.reset)
                    calls = {}
                    for cell, variant in zip(cells, variants, strict=True):
                        call = self._warm_up(cell, variant, points, stack)
                        if call is not None:
                            calls[cell.variant] = call
                    self._time(cells, calls)
            except Exception as error:
                for cell in cells:
                    if cell.note is None and cell.samples is None:
                        cell.fail(error)

    def _warm_up(self, cell: Cell, variant: Variant, points: Tensor, stack: ExitStack) -> Attempt | None:
        """Two calls, the second one with its memory; None where there is nothing to time.

        A compiled network stays compiled until the stack is left.
        """
        if time.perf_counter() >= self.deadline:
            cell.note = NOT_RUN
            return None
        call = None
        try:
            network = self.networks.get(variant.network)
            compiling = stack.enter_context(compiled(network, variant.network == "compiled"))
            own = bytes_of(network) + points.numel() * points.element_size()
            foreign = allocated(self.device) - own
            call = call_of(variant, cell.task, network, points)
            begin = clock(self.device)
            call()
            cell.first_call = clock(self.device) - begin
            memory = highest_memory(call, self.device, foreign)
            # A graph's memory is set aside when it is captured, and isn't counted as allocated.
            cell.memory = None if variant.network == "graphed" else memory
            if variant.network == "compiled":
                cell.compile_seconds = compiling.seconds
                self.longest_compile = max(self.longest_compile, compiling.seconds)
        except Exception as error:
            cell.fail(error)
        if cell.note is None and call is not None:
            return Attempt(cell, call, self.release)
        del call
        self.release()
        return None

    def _time(self, cells: Sequence[Cell], calls: dict[str, Attempt]) -> None:
        """In turns, as many rounds as the budget has time for, two at least once they have begun."""
        left = self.deadline - time.perf_counter()
        if left <= 0:
            _note(cells, NOT_RUN)
        elif calls:
            repetitions = self.context.settings.repetitions
            samples = interleave(calls, repetitions, left, self.device, settle=is_crowded(self.device))
            good = {cell.variant: samples[cell.variant] for cell in cells if cell.note is None}
            for cell in cells:
                if cell.variant in good:
                    cell.take(good[cell.variant], good.get(PLAIN))


class Attempt:
    """A call that notes its error in its cell and from then on does nothing."""

    def __init__(self, cell: Cell, call: Callable[[], Any], release: Callable[[], None]) -> None:
        self.cell, self.release = cell, release
        self.call: Callable[[], Any] | None = call

    def __call__(self) -> None:
        if self.call is None:
            return
        try:
            self.call()
        except Exception as error:
            self.cell.fail(error)
            self.call = None
        if self.call is None:
            self.release()


def _note(cells: Sequence[Cell], text: str) -> None:
    for cell in cells:
        cell.note = cell.note or text
