"""The plain side of a part in a process of its own, as a public code would run there.

The commands of the library tell the C library's allocator to keep large blocks (`pointlora.allocator`). A public code
has the allocator as it comes, which maps every tensor above 32 MB anew and has the system clear its pages. In one
process both sides would share the one or the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from typing import Any

from .children import ChildError, child_command, child_environment
from .settings import Settings

_MARK = "sample: "
_REST = 0.05  # seconds; by then its threads, which spin for milliseconds in the hope of work, have gone to sleep


class Apart:
    """The plain variant of a part; takes turns with variants of this process, and sleeps in between.

    Args:
        name: of the part.
        settings: of the run.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        spec = {"what": "turns", "case": name, "settings": asdict(settings)}
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            child_command(spec, plain=True),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=child_environment(settings.threads, plain=True),
        )

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def __call__(self) -> None:
        self.sample(1)

    def sample(self, calls: int) -> tuple[float, float]:
        """Seconds a call takes, as the process itself measures them: wall time, and its processor time.

        Raises:
            ChildError: if the process has ended, with the last line that it wrote.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{calls}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the end of its output says so too, and why
        for line in self._process.stdout:
            if line.startswith(_MARK):
                wall, cpu = json.loads(line[len(_MARK) :])
                time.sleep(_REST)
                return wall, cpu
        code = self._process.wait()
        self._errors.seek(0)
        *_, last = self._errors.read().strip().splitlines() or ["it said nothing"]
        raise ChildError(f"the plain side ended with {code}: {last[-300:]}")


def take_turns(spec: dict[str, Any]) -> None:
    """In the process: for each number on stdin, so many calls of the plain variant, and a line with their time."""
    import torch

    from .cases import CASES
    from .settings import Context
    from .timing import sample

    settings = Settings(**spec["settings"])
    torch.set_num_threads(settings.threads)
    context = Context(settings)
    plain = CASES[spec["case"]].load()(context).variants["plain"]
    for line in sys.stdin:
        print(_MARK + json.dumps(sample(plain, int(line), context.device)), flush=True)
