"""What an exported .onnx file holds, said without a runtime and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointlora.export.onnx_file import read_onnx


def describe_exported(path: Path) -> dict[str, Any]:
    """Task, outputs, preparation, operators and quantization of a file that `pointlora export` wrote.

    Raises:
        DataError: if it can't be read.
        CheckpointError: if it is damaged, was changed, or is another's.
    """
    file = read_onnx(path)
    found = file.description
    parts = found.parts
    outputs = {"classes": found.class_names} if parts is None else {"parts": parts.part_names}
    return {
        "kind": "exported network",
        "file": str(path),
        "task": found.task,
        "backbone": found.model,
        "method": found.method,
        **{name: list(names) for name, names in outputs.items()},
        **({} if parts is None else {"categories": list(parts.categories)}),
        "features": None if found.features is None else list(found.features.names),
        "points": found.num_points,
        "fewest_points": found.min_points,
        "unit_sphere": found.normalize,
        "up_axis": found.up_axis,
        "takes_raw_clouds": found.preprocess,
        "inputs": list(found.inputs),
        "opset": found.opset,
        "quantization": None if found.quantization is None else dict(vars(found.quantization)),
        "selected_on": found.protocol,
        "adapter_sha256": found.adapter_hash,
        "pointlora_version": found.pointlora_version,
        "bytes": len(file.content),
        "intact": True,  # `read_onnx` takes no other
    }
