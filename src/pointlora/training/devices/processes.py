"""One process per device: started on this machine, unless by `torchrun`; returns what the first one returns.

Every process does the whole run, `Trainer` included, with its own share of each batch; only the first one writes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from pointlora.allocator import keep_large_blocks
from pointlora.errors import ConfigError, PointLoraError
from pointlora.parent import end_with_parent
from pointlora.training.devices.world import current_world

Run = Callable[[Any, bool], dict[str, Any]]


def on_every_device(run: Run, recipe: Any, resume: bool) -> dict[str, Any]:
    """`run(recipe, resume)` in as many processes as the recipe has `training.devices`.

    Processes that `torchrun` started call it directly, on any number of machines.

    Args:
        run: a function of a module, so that other processes can import it.
        recipe: has `training.devices`.
        resume: see `fine_tune`.

    Returns:
        what the first process's call returns.

    Raises:
        ConfigError: if `training.devices` contradicts torchrun.
        PointLoraError, OSError: what the call raises in one of the processes; the others are ended.
    """
    devices, world = recipe.training.devices, current_world()
    if devices not in (1, world.local_size) and world.size > 1:
        raise ConfigError(
            f"training.devices is {devices}, but torchrun started {world.local_size} processes per machine"
        )
    if devices == 1 or world.size > 1:
        return run(recipe, resume)
    context = multiprocessing.get_context("spawn")
    port = _free_port()
    waiting: dict[Connection, Any] = {}
    processes = []
    results: dict[str, Any] = {}
    try:
        for rank in range(devices):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(run, recipe, resume, rank, sender))
            with _environment(rank, devices, port):
                process.start()
            sender.close()
            waiting[receiver] = process
            processes.append(process)
        while waiting:
            for receiver in [ready for ready in wait(list(waiting)) if isinstance(ready, Connection)]:
                rank, outcome = _receive(receiver, waiting.pop(receiver), devices)
                results = outcome if rank == 0 else results
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join()
    return results


def _receive(receiver: Connection, process: Any, devices: int) -> tuple[int, dict[str, Any]]:
    try:
        rank, outcome = receiver.recv()
    except EOFError:
        process.join()
        raise PointLoraError(
            f"one of the {devices} processes of the run ended with code {process.exitcode} (negative: a signal); "
            "its output is above"
        ) from None
    if isinstance(outcome, BaseException):
        raise outcome
    return rank, outcome


def _work(run: Run, recipe: Any, resume: bool, rank: int, sender: Connection) -> None:
    end_with_parent()
    keep_large_blocks()
    try:
        outcome: Any = run(recipe, resume)
    except (PointLoraError, OSError) as error:
        outcome = error
    except KeyboardInterrupt:
        os._exit(130)
    sender.send((rank, outcome))
    sender.close()


@contextlib.contextmanager
def _environment(rank: int, devices: int, port: int) -> Iterator[None]:
    """The variables that torchrun sets, for a process that is started inside."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": devices, "LOCAL_WORLD_SIZE": devices, "GROUP_RANK": 0}
    values = {name: str(value) for name, value in names.items()}
    values |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "pointlora"}
    if "OMP_NUM_THREADS" not in os.environ:
        # Each process would take all cores for itself.
        values["OMP_NUM_THREADS"] = str(max((os.cpu_count() or 1) // devices, 1))
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])
