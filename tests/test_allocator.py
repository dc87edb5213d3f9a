import subprocess
import sys

import pytest

from pointlora import allocator

SCRIPT = """
import resource, numpy as np
from pointlora.allocator import keep_large_blocks
taken = keep_large_blocks()
def faults():
    for _ in range(5):
        np.ones(10_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(10_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(int(taken), faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_memory_is_not_mapped_anew_for_each_array():
    taken, faults = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    ).stdout.split()
    # Ten arrays of 80 MB are 195,000 pages of 4 kB; kept memory faults hardly at all.
    assert taken == "0" or int(faults) < 5_000


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert not allocator.keep_large_blocks()
