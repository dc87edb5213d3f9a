"""Starting processes that measure alone: highest memory, the plain side, a plain `pointlora predict`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pointlora
from pointlora.errors import PointLoraError
from pointlora.waiting import SPINS, spins


class ChildError(PointLoraError):
    """A process that should have measured something failed."""


# Runs the benchmarks without what `pointlora` sets up first, allocator and threads.
_WITHOUT_SETTINGS = "import sys; from pointlora.cli.benchmark import run; sys.exit(run(sys.argv[1:]))"


def child_command(spec: dict[str, Any], plain: bool = False) -> list[str]:
    """The command line of a process that does what `spec` says.

    Args:
        spec: see `benchmarks.child.run_child`.
        plain: with torch and the C library as they come, as a public code has them.
    """
    start = ["-c", _WITHOUT_SETTINGS] if plain else ["-m", "pointlora.cli.main", "benchmark"]
    return [sys.executable, *start, "--child", json.dumps(spec)]


def child_environment(threads: int, plain: bool = False) -> dict[str, str]:
    """This process's environment with as many threads, and this very copy of the library.

    Args:
        threads: of torch.
        plain: without what `pointlora` has put into it.
    """
    source = str(Path(pointlora.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    given = dict(os.environ)
    if plain and given.get(SPINS) == spins():
        del given[SPINS]
    return {**given, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "PYTHONPATH": path}


def run_process(command: list[str], threads: int, plain: bool = False) -> str:
    """Run a process to its end; what it printed.

    Raises:
        ChildError: if it failed, with the end of its own message.
    """
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment(threads, plain), check=False)
    if done.returncode:
        words = " ".join([Path(command[0]).name, *command[1:]])
        raise ChildError(f"`{words[:80]}` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout
