"""Files with random damage, and what reading each of them may cost."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pointlora.data.files import PointCloud, read_point_cloud
from pointlora.errors import DataError

_NUMBERS = (b"0", b"-1", b"1e38", b"nan", b"inf", b"99999999999", b"2147483647", b"", b"x", b"1 2", b"\xff")


def mutate(raw: bytes, random: np.random.Generator) -> bytes:
    """One to three kinds of damage: bytes flipped or set, cut, doubled, taken out, a number replaced, or swapped."""
    data = bytearray(raw)
    for _ in range(random.integers(1, 4)):
        if not data:
            break
        start = int(random.integers(len(data)))
        length = int(min(len(data) - start, random.choice([1, 2, 4, 8, 64])))
        kind = int(random.integers(8))
        if kind == 0:
            data[start] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[start : start + length] = bytes([int(random.choice([0, 1, 127, 255]))]) * length
        elif kind == 2:
            del data[start:]
        elif kind == 3:
            data[start:start] = data[start : start + length]
        elif kind == 4:
            del data[start : start + length]
        elif kind == 5:
            data[start : start + length] = random.bytes(length)
        elif kind == 6:
            other = int(random.integers(len(data)))
            data[start], data[other] = data[other], data[start]
        else:
            _replace_number(data, start, random)
    return bytes(data)


def _replace_number(data: bytearray, start: int, random: np.random.Generator) -> None:
    """Another number instead of the first one in text from byte `start` on."""
    digits = b"0123456789.-+"
    while start < len(data) and data[start] not in digits:
        start += 1
    end = start
    while end < len(data) and data[end] in digits:
        end += 1
    data[start:end] = _NUMBERS[int(random.integers(len(_NUMBERS)))]


def mutants(samples: dict[str, bytes], number: int, seed: int) -> Iterator[tuple[str, int, bytes]]:
    """`number` damaged files: name of the sample, number of the mutant, content."""
    names = list(samples)
    for index in range(number):
        name = names[index % len(names)]
        yield name, index, mutate(samples[name], np.random.default_rng([seed, index]))


def read_within_bounds(path: Path) -> str:
    """Read a file and return what is wrong with how it went, nothing if it is a sound cloud or a line of error.

    The bounds: 2 seconds, and 64 MB + 8 x the file + 64 bytes per point of memory.
    """
    _reset_peak()
    before, begin = _memory("VmRSS"), time.perf_counter()
    points = 0
    try:
        cloud = read_point_cloud(path, 50)
        for values in (*cloud.attributes.values(), *cloud.columns.values()):
            if len(values) != len(cloud):
                return "a column of another length"
        points = cloud.file_rows
        problem = _unsound(cloud)
    except DataError as error:
        problem = "" if "\n" not in str(error) and str(error).startswith(f"{path}: ") else f"message {error!r}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - begin
    grown = _memory("VmHWM") - before
    if seconds > 2:
        return f"{seconds:.1f} s"
    if grown > 64_000_000 + 8 * path.stat().st_size + 64 * points:
        return f"{grown / 1e6:.0f} MB"
    return problem


def _unsound(cloud: PointCloud) -> str:
    sound = cloud.points.dtype == np.float32 and cloud.points.shape == (len(cloud), 3) and len(cloud) > 0
    return "" if sound and np.isfinite(cloud.points).all() else "no sound cloud"


def _reset_peak() -> None:
    """Let the peak of resident memory start anew (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory(name: str) -> int:
    """Bytes of resident memory, now (VmRSS) or at its peak (VmHWM)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
