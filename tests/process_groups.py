"""Several processes as `torchrun` would start them, forked from a server that has imported everything once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any


def run_ranks(function: Callable[..., Any], *arguments: Any, size: int = 2) -> list[Any]:
    """`function(*arguments)` in `size` processes; what each returns, or None for one that ended otherwise."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pointlora.training.fit", "pointlora.training.pretraining.run"])
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
    processes, receivers = [], []
    for rank in range(size):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_rank, args=(function, arguments, rank, size, port, sender))
        process.start()
        sender.close()
        processes.append(process)
        receivers.append(receiver)
    results = []
    for receiver in receivers:
        try:
            results.append(receiver.recv())
        except EOFError:
            results.append(None)
    for process in processes:
        process.join()
    return results


def _rank(function: Callable[..., Any], arguments: tuple, rank: int, size: int, port: int, sender: Any) -> None:
    import torch

    torch.set_num_threads(1)
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "GROUP_RANK": 0}
    os.environ.update({name: str(value) for name, value in names.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), TORCHELASTIC_RUN_ID="test")
    sender.send(function(*arguments))


@contextlib.contextmanager
def connected() -> Any:
    """A gloo process group of the ranks."""
    from torch import distributed

    distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    yield distributed.get_rank()
    distributed.destroy_process_group()


def echo(recipe: Any, resume: bool) -> dict[str, Any]:
    """What a process of `on_every_device` finds around it."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "OMP_NUM_THREADS")
    return {name: os.environ[name] for name in names} | {"resume": resume}


def fail(recipe: Any, resume: bool) -> dict[str, Any]:
    """The second process can't go on, and the first one would wait for it."""
    import time

    from pointlora.errors import DataError

    if os.environ["RANK"] == "1":
        if resume:
            os.kill(os.getpid(), 9)
        raise DataError("cloud.ply: is bad")
    time.sleep(60)
    return {}
