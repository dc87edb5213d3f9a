import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clouds import random_clouds
from pointlora.ops import farthest_point_sampling, k_nearest_neighbors, triton_dispatch
from triton_runs import device, interpreted, needs_triton, runs_kernels

# Streaming multiprocessors of Turing, Ampere and Hopper.
ARCHITECTURES = (75, 80, 90)


@needs_triton
@pytest.mark.skipif(interpreted, reason="the interpreter runs already")
def test_kernels_under_the_interpreter():
    here = Path(__file__).parent
    files = [here / "test_triton_sampling.py", here / "test_triton_neighbors.py", __file__]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, files)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "only 0-dimensional arrays can be converted" in run.stdout:
        pytest.skip("the interpreter of this Triton doesn't know this NumPy (3.6 with NumPy 2.4)")
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"\d+ passed", run.stdout)


@runs_kernels
def test_the_kernels_agree_with_a_known_answer():
    assert triton_dispatch.agrees(device)


def test_tensors_on_a_cpu_never_take_the_kernels():
    assert not triton_dispatch.usable(random_clouds(1, 8))


class OnGpu:
    """What `usable` asks of a tensor, of one on a GPU."""

    is_cuda, dtype, device = True, torch.float32, torch.device("cuda", 0)

    def __init__(self, *shape):
        self.shape = torch.Size(shape)

    def numel(self):
        return self.shape.numel()


class OfAnotherKind(OnGpu):
    """A fake tensor, for example."""


def test_where_triton_is_missing_or_fails_the_tensor_operations_remain(monkeypatch):
    triton_dispatch._works.cache_clear()
    monkeypatch.setattr(triton_dispatch, "agrees", lambda device: True)
    monkeypatch.setattr(triton_dispatch, "Tensor", OnGpu)
    monkeypatch.setattr(torch.cuda, "device", lambda device: torch.no_grad())
    monkeypatch.setattr(triton_dispatch, "find_spec", lambda name: None)
    assert not triton_dispatch.usable(OnGpu(2, 100, 3))
    monkeypatch.setattr(triton_dispatch, "find_spec", lambda name: True)
    assert triton_dispatch.usable(OnGpu(2, triton_dispatch.MAX_POINTS, 3))
    assert not triton_dispatch.usable(OnGpu(2, triton_dispatch.MAX_POINTS + 1, 3))
    assert not triton_dispatch.usable(OnGpu(0, 100, 3))
    assert not triton_dispatch.usable(OfAnotherKind(2, 100, 3))

    def fails(device):
        raise RuntimeError("Failed to find C compiler")

    triton_dispatch._works.cache_clear()
    monkeypatch.setattr(triton_dispatch, "agrees", fails)
    assert not triton_dispatch.usable(OnGpu(2, 100, 3))
    triton_dispatch._works.cache_clear()


@pytest.mark.skipif(device.type != "cuda", reason="needs a GPU")
def test_public_functions_find_the_same_on_a_gpu_as_on_a_cpu():
    points = random_clouds(4, 2048)
    assert triton_dispatch.usable(points.to(device))
    picks = farthest_point_sampling(points, 128)
    assert torch.equal(farthest_point_sampling(points.to(device), 128).cpu(), picks)
    centers = points[:, :128]
    found = k_nearest_neighbors(centers.to(device), points.to(device), 32).cpu()
    assert torch.equal(found, k_nearest_neighbors(centers, points, 32))


@needs_triton
@pytest.mark.skipif(interpreted, reason="nothing is compiled under the interpreter")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("block", [64, 2048, 8192])
def test_compiled_kernels_round_every_operation_and_stay_on_the_chip(tmp_path, monkeypatch, architecture, block):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for kernel, pointers in _kernels():
        code = _assembly(kernel, pointers, architecture, block)
        assert "mul.rn.f32" in code or "mul.f32" in code
        # A fused multiply-add rounds once; local memory is what doesn't fit the registers.
        assert not re.search(r"\bfma\.|\.local\b|\.ftz", code)


def _kernels():
    from pointlora.ops.triton_neighbors import _nearest_points
    from pointlora.ops.triton_sampling import _farthest_points

    yield _farthest_points, {"points": "*fp32", "starts": "*i64", "lengths": "*i64", "picks": "*i64"}
    yield _nearest_points, {"queries": "*fp32", "points": "*fp32", "lengths": "*i64", "found": "*i64"}


def _assembly(kernel, pointers, architecture, block):
    """PTX for a GPU that needn't be there."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    constants = {"HAS_LENGTHS": True, "BLOCK": block}
    kinds = {name: pointers.get(name, "constexpr" if name in constants else "i32") for name in kernel.arg_names}
    options = {"num_warps": min(max(block // 256, 1), 16), "enable_fp_fusion": False}
    source = ASTSource(kernel, kinds, constexprs=constants)
    return triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options).asm["ptx"]
