"""torch.compile for as long as a run trains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from pointlora.errors import ConfigError


class CompileTime:
    """Seconds that torch.compile took, forward and backward together."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def begin(self, *_: Any) -> None:
        """A compilation begins."""
        self._started = time.perf_counter()

    def end(self, *_: Any) -> None:
        """The compilation has ended."""
        self.seconds += time.perf_counter() - self._started


@contextmanager
def compiled(model: nn.Module, wanted: bool) -> Iterator[CompileTime]:
    """Within, calls of the model run compiled, if that is wanted; afterwards as before.

    Each size of batch gets kernels of its own: with kernels for all sizes, a resumed run could meet the sizes in
    another order, compile others, and end at other weights.

    Raises:
        ConfigError: if torch.compile doesn't work here, for example for want of a C++ compiler.
    """
    spent = CompileTime()
    if not wanted:
        yield spent
        return
    from torch._dynamo.callback import callback_handler
    from torch._dynamo.exc import TorchDynamoException

    callback_handler.register_start_callback(spent.begin)
    callback_handler.register_end_callback(spent.end)
    model.compile(dynamic=False)
    try:
        yield spent
    except TorchDynamoException as error:
        cause = getattr(error, "inner_exception", error)
        reason = next((line for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
        raise ConfigError(f"training.compile is true, but torch.compile fails: {reason}; set it to false") from error
    finally:
        model._compiled_call_impl = None
        callback_handler.remove_start_callback(spent.begin)
        callback_handler.remove_end_callback(spent.end)
