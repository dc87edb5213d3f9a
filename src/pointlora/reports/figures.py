"""Matplotlib without its global state: figures that are made, saved as PNG, and forgotten."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from pointlora.atomic import write_atomically
from pointlora.errors import ConfigError


def new_figure(width: float, height: float) -> Any:
    """An empty figure of a size in inches, drawn by Agg; neither pyplot nor a display is involved.

    Raises:
        ConfigError: if matplotlib isn't installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("pictures need matplotlib: in a clone of the repository, pip install '.[viz]'") from error
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: Any, path: str | os.PathLike[str], dots_per_inch: int = 100) -> Path:
    """Write a figure as PNG, atomically; the folder is made if it doesn't exist. Equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, metadata={"Software": None})
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_atomically(target, lambda file: file.write(buffer.getvalue()))
