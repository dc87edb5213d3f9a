"""What an adapter folder holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pointlora.adapters.folder_config import CONFIG_FILE, WEIGHTS_FILE, read_adapter_config
from pointlora.errors import AdapterError
from pointlora.methods.registration import CUSTOM


def describe_adapter(folder: Path) -> dict[str, Any]:
    """Method, sizes, base, classes and figures of an adapter.

    Raises:
        AdapterError: if it wasn't written by this library, or a file is missing or damaged.
    """
    config = read_adapter_config(folder)
    base, method = config["base_model"], dict(config["method"])
    trained, total = count_adapted(folder, config)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise AdapterError(f"{folder} has no {WEIGHTS_FILE}")
    described: dict[str, Any] = {
        "kind": "adapter",
        "folder": str(folder),
        "method": _method_name(method),
        "settings": {key: value for key, value in method.items() if key not in ("name", "kind")},
        "task": base["task"],
        "backbone": base["name"],
        "sizes": base["sizes"],
        "base_checkpoint": base.get("checkpoint"),
        "base_fingerprint": base["fingerprint"],
        "trained_parameters": trained,
        "total_parameters": total,
        "trained_percent": round(100 * trained / total, 3),
        **_outputs(config),
        "features": _features(config),
        "preprocessing": config.get("preprocessing"),
    }
    for name in ("metrics", "measured_on", "selected_on"):
        if config.get(name) is not None:
            described[name] = config[name]
    described["bytes"] = sum((folder / name).stat().st_size for name in (CONFIG_FILE, WEIGHTS_FILE))
    described["intact"] = hashlib.sha256(weights.read_bytes()).hexdigest() == config["weights_sha256"]
    return described


def _method_name(method: dict[str, Any]) -> str:
    """The name under which the method is known with just these settings, or its kind."""
    return f"{method['kind']}, settings differ" if method.get("name") in (None, CUSTOM) else str(method["name"])


def _features(config: dict[str, Any]) -> list[str] | None:
    """Names of what the adapter's points have beside x, y, z; None where that is nothing."""
    prepared = config.get("preprocessing")
    scaling = prepared.get("features") if isinstance(prepared, dict) else None
    names = scaling.get("names") if isinstance(scaling, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _outputs(config: dict[str, Any]) -> dict[str, Any]:
    """What the adapter's outputs mean."""
    if config["base_model"]["task"] != "part_segmentation":
        return {"classes": config.get("class_names")}
    parts = config.get("parts") or {}
    return {"parts": parts.get("part_names"), "categories": parts.get("categories")}


def count_adapted(folder: Path, config: dict[str, Any]) -> tuple[int, int]:
    """Trained and total parameters of an adapted model, counted on a model without memory.

    Raises:
        AdapterError: if the configuration names no model that can be built, or another than the adapter's weights.
    """
    from pointlora.adapters.described_model import adapter_model
    from pointlora.models.parameters import count_parameters

    counts = count_parameters(adapter_model(folder, config))
    return counts.trainable, counts.total
