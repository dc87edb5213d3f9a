"""Measurements that need a process of their own: highest memory, and the plain counterpart of `pointlora predict`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pointlora
from pointlora.errors import PointLoraError


class ChildError(PointLoraError):
    """A process that should have measured something failed."""


def child_command(spec: dict[str, Any]) -> list[str]:
    """The command line of a process that does what `spec` says."""
    return [sys.executable, "-m", "pointlora.cli.main", "benchmark", "--child", json.dumps(spec)]


def child_environment(threads: int) -> dict[str, str]:
    """This process's environment with as many threads, and this very copy of the library."""
    source = str(Path(pointlora.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "PYTHONPATH": path}


def run_process(command: list[str], threads: int) -> str:
    """Run a process to its end; what it printed.

    Raises:
        ChildError: if it failed, with the end of its own message.
    """
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment(threads), check=False)
    if done.returncode:
        words = " ".join([Path(command[0]).name, *command[1:]])
        raise ChildError(f"`{words[:80]}` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def run_child(text: str) -> int:
    """Do what the spec says; the result goes to stdout as JSON."""
    spec = json.loads(text)
    if spec["what"] == "predict":
        from .plain.predict import predict

        result: Any = predict(spec["model"], spec["checkpoint"], spec["file"], spec["device"])
    else:
        from .cases.memory import measure

        result = measure(spec)
    print(json.dumps(result))
    return 0
