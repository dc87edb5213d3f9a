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
    finally:
        monkeypatch.undo()
        processor.first_processor.cache_clear()
