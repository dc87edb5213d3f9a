"""What a file says of the run that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointlora.adapters.described_data import read_density, read_mesh_samples
from pointlora.adapters.loading import adapter_classes, adapter_parts
from pointlora.data.transforms import TransformConfig
from pointlora.export.description import CLASSIFICATION, ExportDescription
from pointlora.methods.registration import CUSTOM
from pointlora.models.backbone import Backbone


def describe_export(
    folder: Path, config: dict[str, Any], model: Backbone, transform: TransformConfig, preprocess: bool, opset: int
) -> ExportDescription:
    """The description of a file, still of float32.

    Args:
        folder: of the adapter, for messages.
        config: content of its `adapter_config.json`.
        model: the adapter on its backbone.
        transform: of its clouds.
        preprocess: whether it is inside the graph.
        opset: of the standard operators.

    Raises:
        AdapterError: if the adapter doesn't say which classes or parts it tells apart.
        ConfigError: for another value that makes no sense.
    """
    classifies = config["base_model"]["task"] == CLASSIFICATION
    return ExportDescription(
        task=config["base_model"]["task"],
        model=config["base_model"]["name"],
        method=method_name(config["method"]),
        adapter_hash=config["weights_sha256"],
        num_points=transform.num_points,
        min_points=min(model.sizes.group_size, transform.num_points),
        normalize=transform.normalize,
        up_axis=transform.up_axis,
        preprocess=preprocess,
        opset=opset,
        protocol=config.get("selected_on"),
        class_names=adapter_classes(folder, config) if classifies else (),
        parts=None if classifies else adapter_parts(folder, config),
        features=transform.features,
        density=read_density(config),
        mesh_samples=read_mesh_samples(config),
    )


def method_name(method: dict[str, Any]) -> str:
    """The preset of a method's settings, or the kind of method where they are nobody's."""
    name: str = method.get("name") or CUSTOM
    return str(method["kind"]) if name == CUSTOM else name
