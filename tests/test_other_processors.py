"""The core of the suite on the processors that this one can stand in for, each in a process of its own.

The limits hold back oneDNN, torch's own kernels and MKL. What the processor lacks they can't add.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CORE = ("layers", "ops", "models", "methods", "test_processor.py")
KINDS = {
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "AVX-512 without bfloat16": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "bfloat16 without AMX": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_core_of_the_suite_passes(kind, tmp_path):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        f"--basetemp={tmp_path / 'it'}",
    ]
    # Not the variables of pytest and of a worker of xdist, which say what to run and where.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment = {**inherited, "OMP_NUM_THREADS": "1", **KINDS[kind]}
    done = subprocess.run(
        [*command, *(str(TESTS / part) for part in CORE)],
        cwd=TESTS.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
