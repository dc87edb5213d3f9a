"""A bank of procedural clouds made ahead: named categories, one-sided scans of them, and freeform shapes.

A run that takes its clouds from a bank doesn't wait for geometry; `bank_file` keeps one on disk. No torch here, so that
the processes that make clouds start quickly.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import signal
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

import numpy as np

from pointlora.allocator import keep_large_blocks
from pointlora.checks import check_choice, check_integer, check_number
from pointlora.data.progress import Progress
from pointlora.errors import ConfigError, PointLoraError
from pointlora.parent import end_with_parent
from pointlora.procedural import CATEGORIES, ScanOptions, generate_shape, scan
from pointlora.procedural.freeform import KINDS, generate_freeform

SOURCES = ("named", "scan", "freeform")
UNNAMED = -1

_CHUNK = 64  # clouds that a process makes between two messages
_WITHOUT_CLUTTER = ScanOptions(clutter=0.0)


@dataclass(frozen=True)
class BankSettings:
    """What a bank is a function of.

    Args:
        size: number of clouds.
        num_points: points of each.
        seed: chooses the clouds.
        shares: weights (named, scan, freeform), adding up to 1.
    """

    size: int
    num_points: int
    seed: int
    shares: tuple[float, float, float]

    def description(self) -> str:
        """Settings, categories and kinds as one line; banks with the same line hold the same clouds."""
        return json.dumps({**asdict(self), "categories": CATEGORIES, "kinds": KINDS})


def bank_settings(size: int, num_points: int, seed: int, shares: Mapping[str, float]) -> BankSettings:
    """The checked settings of a bank.

    Args:
        size, num_points, seed: see `BankSettings`.
        shares: of `named` categories, of a `scan` of one, and of `freeform` shapes; one left out is 0, and they are
            scaled to add up to 1.

    Raises:
        ConfigError: for a number out of range, an unknown name, or shares that are all 0.
    """
    check_integer("size of the bank", size, 1)
    check_integer("num_points of the bank", num_points, 1)
    check_integer("seed of the bank", seed, 0)
    for name, share in shares.items():
        check_choice("source of a bank", name, SOURCES)
        check_number(f"share of {name} in the bank", share, 0.0)
    total = math.fsum(shares.values())
    if total <= 0.0:
        raise ConfigError(f"shares of the bank are {dict(shares)}, but at least one must be above 0")
    named, scanned, freeform = (float(shares.get(name, 0.0)) / total for name in SOURCES)
    return BankSettings(int(size), int(num_points), int(seed), (named, scanned, freeform))


def make_bank(
    size: int, num_points: int, seed: int, shares: Mapping[str, float], workers: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Make clouds in this process or in several others, with a line of progress on a terminal.

    Cloud i is a function of (seed, i), the shares and the number of points, whatever the number of workers; a larger
    bank begins with a smaller one. Half of the scans are without clutter.

    Args:
        size, num_points, seed, shares: see `bank_settings`.
        workers: processes; 0 works in this one. All have ended when the call returns or raises.

    Returns:
        points (size, num_points, 3) float16, each cloud in the unit sphere as `generate_shape` gives it;
        labels (size,) int16, indices into `CATEGORIES`, -1 for freeform shapes.

    Raises:
        ConfigError: for bad settings.
        PointLoraError: if a process is killed.
    """
    settings = bank_settings(size, num_points, seed, shares)
    check_integer("workers", workers, 0)
    points = np.empty((settings.size, settings.num_points, 3), dtype=np.float16)
    labels = np.empty(settings.size, dtype=np.int16)
    with Progress("making clouds", settings.size) as progress:
        chunks = _made_here(settings) if workers == 0 else _made_by(workers, settings)
        for _ in progress.over(_filled(points, labels, chunks)):
            pass
    return points, labels


def bank_cloud(settings: BankSettings, index: int) -> tuple[np.ndarray, int]:
    """Cloud `index` of a bank as float16 (num_points, 3), and its label or -1."""
    rng = np.random.default_rng([crc32(b"bank"), settings.seed, index])
    which, kind, tidy = rng.random(3).tolist()
    seed = int(rng.integers(1 << 62))
    named, scanned, _ = settings.shares
    if which >= named + scanned:
        points = generate_freeform(int(kind * len(KINDS)), seed, settings.num_points)
        return points.astype(np.float16), UNNAMED
    category = int(kind * len(CATEGORIES))
    if which < named:
        shape = generate_shape(category, seed, settings.num_points)
    else:
        shape = scan(category, seed, settings.num_points, _WITHOUT_CLUTTER if tidy < 0.5 else None)
    return shape.points.astype(np.float16), category


def _filled(points: np.ndarray, labels: np.ndarray, chunks: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[int]:
    """The numbers of the clouds, as they are put into their places."""
    done = 0
    for made, named in chunks:
        points[done : done + len(made)], labels[done : done + len(made)] = made, named
        for _ in made:
            done += 1
            yield done


def _made_here(settings: BankSettings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return (_chunk((settings, start)) for start in range(0, settings.size, _CHUNK))


def _made_by(workers: int, settings: BankSettings) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    pool = ProcessPoolExecutor(workers, _context(), _begin_worker)
    try:
        yield from pool.map(_chunk, ((settings, start) for start in range(0, settings.size, _CHUNK)))
    except BrokenProcessPool as error:
        raise PointLoraError(
            f"one of {workers} processes that make clouds was killed; if memory ran out, take fewer workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _chunk(task: tuple[BankSettings, int]) -> tuple[np.ndarray, np.ndarray]:
    settings, start = task
    clouds = [bank_cloud(settings, index) for index in range(start, min(start + _CHUNK, settings.size))]
    return np.stack([points for points, _ in clouds]), np.array([label for _, label in clouds], dtype=np.int16)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one sees to its end
    end_with_parent()
    keep_large_blocks()


def _context() -> Any:
    return multiprocessing.get_context("forkserver" if sys.platform.startswith("linux") else "spawn")
