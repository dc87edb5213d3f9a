"""The switch that turns every fast path off, for debugging and for tests. Needs no torch.

Functions that have a faster way than the plain definition ask `enabled()` first. People use `pointlora.layers.plain`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "POINTLORA_PLAIN"

# A plain global, which torch.compile can guard; 0 stands for on.
_switched_off = int(os.environ.get(VARIABLE, "0") not in ("", "0"))


def enabled() -> bool:
    """Whether fast paths may be taken."""
    return not _switched_off


@contextmanager
def disabled() -> Iterator[None]:
    """Within, which may be nested, everything is computed by its plain definition."""
    global _switched_off
    _switched_off += 1
    try:
        yield
    finally:
        _switched_off -= 1
