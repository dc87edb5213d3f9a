"""The wheel, away from the checkout: all that a user needs is in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pointlora.recipes.files import list_recipes
from pointlora.version import __version__

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, without network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [
        *PIP,
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        str(folder),
        str(source),
    ]
    subprocess.run(command, check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel: Path) -> Path:
    """A folder where it alone is installed."""
    folder = wheel.parent / "site"
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", str(folder), str(wheel)], check=True)
    return folder


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with the installed package, in a folder that holds nothing else."""
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=site.parent, env=environment, capture_output=True, text=True, check=False
    )


def pointlora(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command."""
    return run(site, str(site / "bin" / "pointlora"), *arguments)


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"pointlora-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"pointlora", f"pointlora-{__version__}.dist-info"}
    files = {path.relative_to(ROOT / "src") for path in (ROOT / "src" / "pointlora").rglob("*") if path.is_file()}
    assert {path.as_posix() for path in files if "__pycache__" not in path.parts} <= set(names)


def test_the_command_knows_its_version_and_lists_recipes(site: Path) -> None:
    assert pointlora(site, "--version").stdout == f"pointlora {__version__}\n"
    done = pointlora(site, "info")
    assert done.returncode == 0, done.stderr
    assert all(f"{name} " in done.stdout for name in list_recipes())


def test_weights_come_with_it(site: Path) -> None:
    code = (
        "import pointlora, torch\n"
        "model = pointlora.create_model('point_mae_tiny', pretrained=True)\n"
        "print(pointlora.__file__, tuple(model.eval()(torch.zeros(1, 1024, 3)).logits.shape))"
    )
    done = run(site, "-c", code)
    assert done.stdout.split(maxsplit=1) == [str(site / "pointlora" / "__init__.py"), "(1, 40)\n"], done.stderr


def test_the_demo_is_there(site: Path) -> None:
    done = pointlora(site, "demo", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: pointlora demo")


def test_benchmarks_need_a_checkout_and_say_so_in_a_line(site: Path) -> None:
    done = pointlora(site, "benchmark", "--quick")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pointlora: error: ")
    assert len(done.stderr.splitlines()) == 1
