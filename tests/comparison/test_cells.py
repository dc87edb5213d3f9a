import subprocess
import sys

WATCHED = ("is_available", "device_count", "get_device_capability", "get_device_properties", "init", "_lazy_init")

SCRIPT = f"""
import torch
asked = []
for name in {WATCHED!r}:
    setattr(torch.cuda, name, lambda *args, name=name, **kwargs: asked.append(name))
import pointlora.training.fit
print(asked)
"""


def test_what_forked_runs_import_asks_nothing_of_cuda():
    # Or CUDA couldn't be used in processes that are forked after the imports.
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
