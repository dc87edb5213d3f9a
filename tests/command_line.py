"""What tests of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml


def write(folder: Path, recipe: dict[str, Any], name: str = "recipe.yaml") -> str:
    """The path of a recipe's file in a folder."""
    path = folder / name
    path.write_text(yaml.safe_dump(recipe))
    return str(path)


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of error with which a command ended; progress may stand before it."""
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("pointlora: error: ") for line in lines) == 1
    assert not any("Traceback" in line for line in lines)
    return lines[-1]
