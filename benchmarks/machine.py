"""What the machine itself can do, measured in the same run: copy bandwidths and matrix-product rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from pointlora.processor import multiplies_bfloat16, processor_name
from pointlora.torch_private import linear_product

from .timing import clock

MEMORY_BYTES = {"cpu": 128 << 20, "cuda": 2 << 30}  # a GPU's second-level cache holds more than 50 MiB
CACHE_BYTES = 1 << 20
TRIAL, TOO_SLOW = 128, 8  # rows of a trial product; what takes so many times as long in it isn't tried on a large one


@dataclass(frozen=True)
class Machine:
    """Measured limits.

    Attributes:
        name: processor or GPU.
        threads: of torch.
        memory_bandwidth: bytes/s read and written by a copy much larger than the caches.
        cache_bandwidth: bytes/s read and written by a copy of 1 MiB; 0 on a GPU, whose kernels keep in registers what
            a CPU keeps in its cache.
        float32_rate, bfloat16_rate: operations/s of a large square matrix product, by torch's fastest way here; on a
            GPU with TF32 only if torch is set so.
        emulates_bfloat16: whether the processor has no bfloat16 products; the fastest way is then through float32.
    """

    name: str
    threads: int
    memory_bandwidth: float
    cache_bandwidth: float
    float32_rate: float
    bfloat16_rate: float
    emulates_bfloat16: bool = False

    def best_of(self, other: Machine) -> Machine:
        """The higher of two measurements of each limit: other processes can only lower them."""
        mine, theirs = asdict(self), asdict(other)
        limits = {key: max(value, theirs[key]) for key, value in mine.items() if isinstance(value, float)}
        return replace(self, **limits)

    def __str__(self) -> str:
        cached = f" (in cache {self.cache_bandwidth / 1e9:.0f})" if self.cache_bandwidth else ""
        return (
            f"{self.name}, {self.threads} threads: copies {self.memory_bandwidth / 1e9:.1f} GB/s{cached}, "
            f"matrix products {self.float32_rate / 1e9:.0f} GFLOP/s in float32, "
            f"{self.bfloat16_rate / 1e9:.0f} in bfloat16{', which it emulates' * self.emulates_bfloat16}"
        )


def measure_machine(device: torch.device) -> Machine:
    """Measure the limits of a device; takes less than a second."""
    gpu = device.type == "cuda"
    size = 8192 if gpu else 1024
    return Machine(
        device_name(device.type),
        torch.get_num_threads(),
        _copy(device, MEMORY_BYTES[device.type], 8 if gpu else 1),
        0.0 if gpu else _copy(device, CACHE_BYTES, 16),
        _product(device, size, torch.float32, 1),
        _product(device, size, torch.bfloat16, 8 if gpu else 1),
        not torch.cuda.is_bf16_supported(including_emulation=False) if gpu else not multiplies_bfloat16(),
    )


def device_name(kind: str) -> str:
    """Name of the GPU (`cuda`) or of the processor."""
    return torch.cuda.get_device_name() if kind == "cuda" else processor_name()


def _best_seconds(function: Any, device: torch.device, repetitions: int, inner: int) -> float:
    function()
    best = float("inf")
    for _ in range(repetitions):
        start = clock(device)
        for _ in range(inner):
            function()
        best = min(best, (clock(device) - start) / inner)
    return best


def _copy(device: torch.device, size: int, inner: int) -> float:
    source = torch.zeros(size // 8, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    return size / _best_seconds(lambda: target.copy_(source), device, 5, inner)


def _product(device: torch.device, size: int, dtype: torch.dtype, inner: int) -> float:
    ways = _ways(dtype) if device.type == "cpu" else [_plain_product]
    if len(ways) > 1:
        # One that is emulated number by number takes seconds for a large product.
        seconds = [_product_seconds(way, device, TRIAL, dtype, 4) for way in ways]
        ways = [way for way, taken in zip(ways, seconds, strict=True) if taken < TOO_SLOW * min(seconds)]
    return 2 * size**3 / min(_product_seconds(way, device, size, dtype, inner) for way in ways)


Product = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]


def _ways(dtype: torch.dtype) -> list[Product]:
    """How a processor can multiply: torch's own way, oneDNN's where it has one, and bfloat16 through float32."""
    ways: list[Product] = [_plain_product]
    # oneDNN has wider instructions on processors for which MKL takes its generic path.
    onednn = linear_product(dtype)
    if onednn is not None:
        ways.append(lambda left, right, out: onednn(left, right, None, "none", [], ""))
    if dtype == torch.bfloat16:
        ways.append(lambda left, right, out: out.copy_(left.float() @ right.float()))
    return ways


def _plain_product(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    return torch.mm(left, right, out=out)


def _product_seconds(way: Product, device: torch.device, size: int, dtype: torch.dtype, inner: int) -> float:
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    return _best_seconds(lambda: way(left, right, out), device, 5, inner)
