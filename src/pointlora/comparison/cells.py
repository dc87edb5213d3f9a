"""Runs of a comparison in processes of their own, several at a time. Nothing here imports torch in the first process.

One process per run separates the runs' memory, so that each one's peak is known, and a crash ends one run only.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from pointlora.comparison.plan import Cell
from pointlora.errors import PointLoraError
from pointlora.parent import end_with_parent
from pointlora.recipes.runs import CRITERIA, TrainRecipe
from pointlora.training.run_folder import RunFolder

Say = Callable[[str], object]


class Progress:
    """A line when a run begins and one when it ends, with the number of runs that are finished.

    Args:
        total: number of runs.
        say: takes a line; by default they go to stderr.
    """

    def __init__(self, total: int, say: Say | None = None) -> None:
        self.total, self.done = total, 0
        self.say = say or (lambda line: print(line, file=sys.stderr, flush=True))

    def begins(self, cell: Cell) -> None:
        how = "resumes" if RunFolder(cell.recipe).config.exists() else "starts"
        self.say(f"{self._count()} {cell.name}: {how}; see {cell.log}")

    def ends(self, cell: Cell, results: Mapping[str, Any], before: bool = False) -> None:
        self.done += 1
        figure = CRITERIA[cell.recipe.task][0]
        measured = figure.replace("_miou", " mIoU")
        if results["measured_on"] != "test set":
            measured = f"validation {measured}"
        when = "finished before" if before else f"{results['training_seconds']:.0f} s"
        self.say(f"{self._count()} {cell.name}: {measured} {100 * results[figure]:.2f} %, {when}")

    def _count(self) -> str:
        return f"[{self.done:>{len(str(self.total))}}/{self.total}]"


def finish_cells(cells: Sequence[Cell], jobs: int, progress: Progress) -> list[dict[str, Any]]:
    """The results of all runs: those that are there, and those of runs that are started or go on.

    Args:
        cells: the runs.
        jobs: how many at a time.
        progress: is told what happens.

    Returns:
        what each run's results.json holds, in the order of `cells`.

    Raises:
        ConfigError: if a run's folder holds one of other settings, finished or not.
        PointLoraError, OSError: what a run raises; the others are ended, and go on when all is started again.
    """
    results = [RunFolder(cell.recipe).finished() for cell in cells]
    waiting = []
    for number, (cell, found) in enumerate(zip(cells, results, strict=True)):
        if found is not None:
            progress.ends(cell, found, before=True)
        else:
            RunFolder(cell.recipe).check()
            waiting.append(number)

    def begins(number: int) -> str:
        progress.begins(cells[number])
        cells[number].log.parent.mkdir(parents=True, exist_ok=True)
        return str(cells[number].log)

    for number in in_processes(train_cell, cells, waiting, jobs, begins):
        results[number] = found = RunFolder(cells[number].recipe).finished()
        progress.ends(cells[number], found or {})
    for cell in cells:
        RunFolder(cell.recipe).last.unlink(missing_ok=True)  # nothing goes on from it any more
    return [found for found in results if found is not None]


def check_cells(cells: Sequence[Cell], jobs: int) -> None:
    """Open the data and build the model of each run, in other processes, so that what can't work fails now.

    Raises:
        PointLoraError, OSError: what doesn't work.
    """
    for _ in in_processes(prepare_cell, cells, range(len(cells)), jobs, lambda number: None):
        pass


def in_processes(
    work: Callable[..., None],
    cells: Sequence[Cell],
    numbers: Iterable[int],
    jobs: int,
    begins: Callable[[int], str | None],
) -> Iterator[int]:
    """Do `work` for the runs of these numbers, each in a process of its own; when one fails, the others are ended.

    Args:
        work: takes a run's recipe.
        cells: all runs.
        numbers: which of them.
        jobs: how many at a time.
        begins: is told a number before its process starts, and returns the file that takes what the process prints.

    Yields:
        the number of each run that has ended well.

    Raises:
        PointLoraError, OSError: what a run raises.
    """
    waiting = list(numbers)
    running: dict[Connection, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number = waiting.pop(0)
                receiver, process = start(work, cells[number].recipe, begins(number), threads_for(jobs))
                running[receiver] = number, process
            for receiver in [ready for ready in wait(list(running)) if isinstance(ready, Connection)]:
                number, process = running.pop(receiver)
                receive(receiver, process, cells[number])
                yield number
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()


def start(work: Callable[..., Any], recipe: TrainRecipe, log: str | None, threads: int) -> tuple[Connection, Any]:
    """Begin `work(recipe)` in a new process; its end comes through the connection."""
    receiver, sender = context().Pipe(duplex=False)
    process = context().Process(target=_work, args=(work, recipe, log, threads, sender))
    process.start()
    sender.close()
    return receiver, process


def receive(receiver: Connection, process: Any, cell: Cell) -> Any:
    """Wait for the end of a process; what its work returned.

    Raises:
        PointLoraError, OSError: what it raised, or how it ended; the message begins with the run's name.
    """
    try:
        outcome = receiver.recv()
    except EOFError:
        process.join()
        raise PointLoraError(
            f"{cell.name}: its process ended with code {process.exitcode} (negative: a signal; -9 can mean a lack of "
            f"memory); its output is above, or in {cell.log}"
        ) from None
    finally:
        receiver.close()
    process.join()
    if isinstance(outcome, PointLoraError):
        raise type(outcome)(f"{cell.name}: {outcome}") from outcome
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def context() -> Any:
    """Processes that are forked, on Linux, from one that has imported everything once; new ones elsewhere.

    The imports ask nothing of CUDA, which couldn't be used in the forks if they did (a test).
    """
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["pointlora.training.fit"])
    return made


def threads_for(jobs: int) -> int:
    """Threads of each of `jobs` processes; 0 leaves it to torch."""
    if jobs == 1 or "OMP_NUM_THREADS" in os.environ:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores // jobs, 1)


def train_cell(recipe: TrainRecipe) -> None:
    """In the new process: the run."""
    from pointlora.training.fit import fine_tune

    fine_tune(recipe)


def prepare_cell(recipe: TrainRecipe) -> None:
    """In the new process: all of a run that comes before its folder is made."""
    from pointlora.training.fit import prepare

    prepare(recipe)


def precision_of_cell(recipe: TrainRecipe) -> str:
    """In the new process: the precision that the run would take here in place of `auto`."""
    from pointlora.training.devices.choice import evaluation_device, native_precision

    return native_precision(evaluation_device(recipe.training.accelerator))


def _work(work: Callable[..., Any], recipe: TrainRecipe, log: str | None, threads: int, sender: Connection) -> None:
    end_with_parent()
    if log is not None:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(file, 1)
        os.dup2(file, 2)
    from pointlora.allocator import keep_large_blocks

    keep_large_blocks()
    if threads:
        import torch

        torch.set_num_threads(threads)
    try:
        outcome: Any = work(recipe)
    except (PointLoraError, OSError, MemoryError, ModuleNotFoundError) as caught:
        outcome = caught
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sender.send(outcome)
    sender.close()
