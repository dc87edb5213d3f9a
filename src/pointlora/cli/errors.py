"""Every mistake a user can make ends in one line on stderr and exit code 2, never in a traceback."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from pointlora.errors import PointLoraError, PointLoraWarning

USER_ERROR = 2
INTERRUPTED = 130


def run_guarded(command: Callable[[], int]) -> int:
    """Run a command; translate what a user can mend into one line on stderr.

    Returns:
        the exit code: the command's own, 2 after a user's error, 130 after Ctrl-C.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = partial(_show_warning, warnings.showwarning)
            return command()
    except KeyboardInterrupt:
        return report("interrupted", INTERRUPTED)
    except PointLoraError as error:
        return report(str(error))
    except BrokenPipeError:
        # The reader of our output (such as `head`) has gone; nobody is left to be told.
        sys.stderr.close()
        return 1
    except OSError as error:
        return report(describe_os_error(error))
    except MemoryError:
        return report("not enough memory: lower training.batch_size or data.num_points")
    except ModuleNotFoundError as error:
        return report(describe_missing_module(error))


def _show_warning(usual: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Ours as one line, others as usual."""
    if issubclass(category, PointLoraWarning):
        print(f"pointlora: warning: {message}", file=sys.stderr, flush=True)
    else:
        usual(message, category, *where)


def report(message: str, code: int = USER_ERROR) -> int:
    """Print `pointlora: error: ...` as one line; return the exit code."""
    print(f"pointlora: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def describe_os_error(error: OSError) -> str:
    """The system's words, with the file that they are about in front."""
    what = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {what}" if error.filename is not None else what


def describe_missing_module(error: ModuleNotFoundError) -> str:
    """Which extra brings the missing package."""
    name = (error.name or "").split(".")[0]
    if not name or name == "pointlora":
        raise error
    if name == "onnxruntime":
        return "the package onnxruntime is not installed: pip install onnxruntime"
    return f"the package {name} is not installed: in a clone of the repository, pip install '.[all]'"
