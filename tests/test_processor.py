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
def test_the_processor_is_known(field, entry, found):
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
    finally:
        monkeypatch.undo()
        processor.first_processor.cache_clear()
