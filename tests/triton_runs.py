"""How tests of Triton kernels run: on a GPU, or on the CPU by Triton's interpreter, which a process must begin with."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

installed = find_spec("triton") is not None
interpreted = os.environ.get("TRITON_INTERPRET") == "1"
device = torch.device("cuda" if torch.cuda.is_available() and not interpreted else "cpu")

needs_triton = pytest.mark.skipif(not installed, reason="Triton isn't installed")
runs_kernels = pytest.mark.skipif(
    not (installed and (interpreted or device.type == "cuda")), reason="needs a GPU or TRITON_INTERPRET=1"
)
