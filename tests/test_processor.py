"""What the library knows of the processor, against what `lscpu` says."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pointlora import processor


@pytest.mark.parametrize(
    ("field", "entry", "found"),
    [
        ("Vendor ID", "GenuineIntel", processor.is_intel),
        ("Flags", "amx_bf16", processor.has_matrix_units),
    ],
)
def test_the_processor_is_known(monkeypatch, field, entry, found):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    lscpu = shutil.which("lscpu")
    if lscpu is None or not Path("/proc/cpuinfo").exists():
        pytest.skip("no lscpu here")
    listed = subprocess.run([lscpu], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout
    line = next((line for line in listed.splitlines() if line.startswith(f"{field}:")), "")
    assert found() is (entry in line)


def test_it_has_the_name_that_the_system_gives_it(monkeypatch):
    monkeypatch.setattr(processor, "first_processor", lambda: "vendor_id\t: X\nmodel name\t: Fast 3000 @ 2 GHz\n")
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert processor.processor_name() == "Fast 3000 @ 2 GHz (6 cores)"


@pytest.mark.parametrize(
    ("flags", "limit", "bfloat16", "matrix_units"),
    [
        ("avx2 fma", None, False, False),
        ("avx2 avx512f avx512_bf16", None, True, False),
        ("avx512f avx512_bf16 amx_bf16 amx_tile", None, True, True),
        ("avx512f avx512_bf16 amx_bf16", "AVX512_CORE_FP16", True, False),
        ("avx512f avx512_bf16 amx_bf16", "avx512_core_amx", True, True),
        ("avx512f avx512_bf16 amx_bf16", "AVX512_CORE", False, False),
        ("avx512f avx512_bf16 amx_bf16", "AVX2", False, False),
        ("avx512f avx512_bf16", "no such set", True, False),
        ("avx2 avx_vnni", "AVX512_CORE_AMX", False, False),
    ],
)
@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
def test_what_it_can_and_what_onednn_may_use_of_it(monkeypatch, variable, flags, limit, bfloat16, matrix_units):
    monkeypatch.setattr(processor, "first_processor", lambda: f"flags: {flags}")
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    if limit is not None:
        monkeypatch.setenv(variable, limit)
    assert processor.multiplies_bfloat16() is bfloat16
    assert processor.has_matrix_units() is matrix_units


def test_onednn_has_the_products_that_are_claimed():
    """Where it may multiply bfloat16, it does; a build of torch without it claims nothing here."""
    import torch

    if processor.multiplies_bfloat16() and torch.backends.mkldnn.is_available():
        assert torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux only")
def test_one_processor_is_read():
    text = processor.first_processor()
    assert text.count("processor\t") <= 1
    assert text.strip()
    assert "\n\n" not in text


def test_elsewhere_nothing_fails(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    processor.first_processor.cache_clear()
    try:
        assert not processor.has_matrix_units()
        assert processor.processor_name().endswith(" cores)")
        assert not processor.multiplies_bfloat16()
    finally:
        monkeypatch.undo()
        processor.first_processor.cache_clear()
