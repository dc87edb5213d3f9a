import os
import subprocess
import sys

import pytest

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


FORK = """
import os, signal, time
import torch
import pointlora.training.fit
child = os.fork()
if child == 0:
    (torch.ones(10**6) * 2).sum()  # large enough for several threads
    os._exit(0)
for _ in range(300):
    if os.waitpid(child, os.WNOHANG)[0]:
        print("computed")
        break
    time.sleep(0.1)
else:
    os.kill(child, signal.SIGKILL)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="runs are forked on Linux")
def test_forked_runs_compute_with_several_threads():
    # A process waits for ever if the one that it was forked from had begun OpenMP's threads, as a trial on import did.
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    found = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, env=environment)
    assert found.stdout == "computed\n", found.stderr
