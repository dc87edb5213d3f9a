"""Comparing a run's ratios with stored ones. Seconds differ from machine to machine; ratios much less."""

from __future__ import annotations

import json
from pathlib import Path

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError

Ratios = dict[str, dict[str, float]]


def read_reference(path: str, key: str) -> Ratios:
    """The stored ratios of runs with this key.

    Raises:
        ConfigError: if the file is no such file, or has none for this key.
    """
    content = _read(Path(path))
    if key not in content:
        raise ConfigError(f"{path} has no ratios for {key!r}, only for {', '.join(map(repr, sorted(content)))}")
    return content[key]


def store_reference(path: str, key: str, found: Ratios) -> None:
    """Store ratios under a key; those of other keys and of parts that weren't measured stay."""
    content = _read(Path(path)) if Path(path).exists() else {}
    rounded = {name: {kind: round(value, 3) for kind, value in kinds.items()} for name, kinds in found.items()}
    content[key] = {**content.get(key, {}), **rounded}
    write_text_atomically(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def worse_ratios(reference: Ratios, found: Ratios, tolerance: float) -> list[str]:
    """A line for each part that has become worse; empty when none has.

    A part counts as worse when all of its ratios (by wall time and by processor time, say) have lost more than
    `tolerance` of what is stored: another process on the machine usually spoils one of them only.

    Raises:
        ConfigError: if nothing of what was measured is stored.
    """
    common = sorted(set(reference) & set(found))
    if not common:
        raise ConfigError("none of the measured parts is in the stored ratios: nothing was compared")
    worse = []
    for name in common:
        kinds = sorted(set(reference[name]) & set(found[name]))
        if kinds and all(found[name][kind] < (1 - tolerance) * reference[name][kind] for kind in kinds):
            changes = ", ".join(f"{kind} {reference[name][kind]:.2f} -> {found[name][kind]:.2f}" for kind in kinds)
            worse.append(f"{name}: {changes}")
    return worse


def _read(path: Path) -> dict[str, Ratios]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path} is not a file of ratios: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        raise ConfigError(f"{path} is not a file of ratios: make one with --save-ratios")
    return content
