"""The version is written in one file, which packaging can read without torch."""

import subprocess
import sys

import pointlora
from pointlora.version import __version__


def test_the_package_has_the_version_of_the_file():
    assert pointlora.__version__ == __version__


def test_reading_it_loads_nothing_heavy():
    code = "import sys, pointlora.version; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
