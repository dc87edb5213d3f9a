"""Processes that don't outlive the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import Any


def end_with_parent() -> None:
    """From now on this process ends when the one that started it does, by SIGKILL too.

    A killed run leaves no process behind, whatever multiprocessing's start method: torch's own check in the workers of
    a loader watches the process above, which with `forkserver` isn't the one that trains.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(1)
