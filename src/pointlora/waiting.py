"""Telling idle threads how long to wait for work before they sleep; before torch is loaded."""

from __future__ import annotations

import os

from pointlora.processor import is_intel

SPINS = "GOMP_SPINCOUNT"


def wait_shortly() -> None:
    """Let idle threads of GNU's OpenMP wait for some ten microseconds, unless the environment says something else.

    By default they spin for milliseconds, which on a machine that others use as well makes training several times
    slower; sleeping at once makes it take half as long again on an idle one.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault(SPINS, spins())


def spins() -> str:
    """How often they look for work: between two looks, processors of Intel rest three times as long as others."""
    return "1000" if is_intel() else "2500"
