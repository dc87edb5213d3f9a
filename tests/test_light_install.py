"""An environment with NumPy and onnxruntime, and without torch: what docs/deploying.md says of it."""

from __future__ import annotations

import importlib
import json
import re
import resource
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from onnx_samples import classifier, segmenter, write
from pointlora.prediction import OnnxPredictor

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder: NumPy and onnxruntime are those of this environment, without what stands beside them there."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    for name in ("numpy", "onnxruntime"):
        place = Path(str(importlib.import_module(name).__file__)).parent
        for part in (place, place.with_name(f"{name}.libs")):
            if part.exists():
                (site / part.name).symlink_to(part)
    source = folder / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-build-isolation", "--target", site, source], check=True)
    return folder


def run(light: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Its Python, in a folder without the checkout."""
    python = light / "venv" / "bin" / "python"
    return subprocess.run([python, *map(str, words)], cwd=light, env={}, capture_output=True, text=True, check=False)


def test_there_is_no_torch(light: Path) -> None:
    assert "No module named 'torch'" in run(light, "-c", "import torch").stderr


def test_it_classifies_and_labels(light: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))
    (light / "mug").mkdir(exist_ok=True)
    np.savetxt(light / "mug" / "a.xyz", rows, fmt="%.5f")
    model = write(classifier(), light / "a.onnx")
    done = run(light, "-m", "pointlora.cli.main", "predict", "--model", model, "mug/a.xyz", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (entry,) = json.loads(done.stdout)["predictions"]
    (expected,) = OnnxPredictor(model).predict([light / "mug" / "a.xyz"])
    assert (entry["class"], pytest.approx(entry["probability"])) == expected.top()[0]
    words = ["predict", "--model", write(segmenter(), light / "b.onnx"), "mug", "--output", "out"]
    done = run(light, "-m", "pointlora.cli.main", *words, "--pictures", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert np.load(light / "out" / "a_parts.npy").shape == (300,)


def test_what_needs_more_says_so_in_a_line(light: Path) -> None:
    """Adapters, and training."""
    for words in (["predict", "--adapter", "a", "x.ply"], ["train", "--data.root", "x", "--model.name", "point_mae"]):
        done = run(light, "-m", "pointlora.cli.main", *words)
        assert done.returncode == 2
        assert re.fullmatch(r"pointlora: error: the package \w+ is not installed: .*\n", done.stderr)


@pytest.mark.parametrize(
    "words", [["-c", "import pointlora.prediction.onnx"], ["-m", "pointlora.cli.main", "predict", "--help"]]
)
def test_it_starts_within_a_second(light: Path, words: list[str]) -> None:
    """Of a processor: others may be busy on it."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    seconds = []
    for _ in range(4):  # the first one compiles
        before = spent()
        assert run(light, *words).returncode == 0
        seconds.append(spent() - before)
    assert min(seconds) < 1
