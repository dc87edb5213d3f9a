"""Files of users that register tuning methods. They are code: only a user names one, never an adapter or a weight file.

Nothing here imports torch.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Collection
from pathlib import Path
from types import ModuleType

from pointlora.errors import ConfigError, PointLoraWarning, reason
from pointlora.methods.table import SPECS

_loaded: dict[Path, ModuleType] = {}


def load_plugins(files: Collection[str | os.PathLike[str]]) -> None:
    """Run Python files that call `pointlora.methods.register`; a file that has run already isn't run again.

    Args:
        files: paths, seen from the current folder.

    Raises:
        ConfigError: if one isn't there, is no Python file, or fails; the message names it and the line.

    Warns:
        PointLoraWarning: for one that registers nothing.
    """
    if isinstance(files, (str, os.PathLike)) or not all(isinstance(file, (str, os.PathLike)) for file in files):
        raise ConfigError(f"plugins is {files!r}, but it must be a list of files, such as [my_method.py]")
    for file in files:
        path = Path(file).resolve()
        if path not in _loaded:
            _loaded[path] = _run(path, str(file))


def _run(path: Path, name: str) -> ModuleType:
    if path.suffix != ".py" or not path.is_file():
        raise ConfigError(f"plugins holds {name!r}, but there is no such Python file, seen from {Path.cwd()}")
    # Under a name of its own: two files of the same name in different folders are two modules.
    module_name = f"pointlora_plugin_{len(_loaded)}_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up
    known = dict(SPECS)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise ConfigError(f"plugin {name}{_line(error, path)} fails: {reason(error)}") from error
    if all(known.get(kind) is each for kind, each in SPECS.items()):
        message = f"plugin {name} registers no method: call pointlora.methods.register in it"
        warnings.warn(message, PointLoraWarning, stacklevel=3)
    return module


def _line(error: BaseException, path: Path) -> str:
    """`, line N` of the file, where the error came by it."""
    trace, line = error.__traceback__, getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f", line {line},"
