"""From a trained adapter to a file for other programs."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from pointlora.adapters.loading import adapter_features, load_adapted_model
from pointlora.atomic import write_atomically
from pointlora.data.transforms import TransformConfig
from pointlora.errors import ConfigError
from pointlora.export.checking import check_outputs
from pointlora.export.describing import describe_export
from pointlora.export.description import ExportDescription, Quantization
from pointlora.export.network import ExportedNetwork, exported_network
from pointlora.export.onnx_file import sealed
from pointlora.export.quantization import Measure, check_loss, quantized
from pointlora.export.samples import Sample, sample_inputs, trial_inputs
from pointlora.export.session import SessionModel
from pointlora.models.backbone import Backbone

FORMATS = ("onnx", "torch")
# protobuf, of which an .onnx file consists, ends there.
_MOST_PARAMETERS = (2**31 - 2**24) // 4


@dataclass(frozen=True)
class Export:
    """A written file.

    Attributes:
        path: of it.
        description: what it says of itself.
        difference: largest difference between its logits and torch's, as float32.
        undecided: clouds that aren't compared, since rounding decides what the network looks at.
    """

    path: Path
    description: ExportDescription
    difference: float
    undecided: int


class Exporter:
    """A trained adapter, merged where it merges, ready to be written.

    Args:
        folder: of the adapter.
        base: file with the backbone's weights; by default the one that the adapter names.
        preprocess: whether centring, scaling and the choice of points are a part of the network.

    Raises:
        AdapterError, CheckpointError: if the adapter or its backbone can't be loaded.
    """

    def __init__(self, folder: Path, base: str | os.PathLike[str] | None = None, preprocess: bool = False) -> None:
        model, config = load_adapted_model(folder, base)
        self.folder, self.config, self.preprocess = folder, config, preprocess
        prepared = config.get("preprocessing") or {}
        kept = {key: prepared[key] for key in ("normalize", "up_axis") if key in prepared}
        self.transform = TransformConfig(
            num_points=prepared.get("num_points", 1024), features=adapter_features(folder, config), **kept
        )
        self.model = cast(Backbone, model)
        self._models: dict[bool, Any] = {}

    def network(self, preprocess: bool) -> ExportedNetwork:
        """The function that is exported."""
        return exported_network(self.model, self.transform if preprocess else None)

    def onnx_model(self, preprocess: bool) -> Any:
        """That function as an `onnx.ModelProto` of float32, made once."""
        from pointlora.export import onnx_graph

        if preprocess not in self._models:
            self._models[preprocess] = onnx_graph.onnx_model(self.network(preprocess))
        return self._models[preprocess]

    def describe(self, opset: int) -> ExportDescription:
        """What the file says of itself, before it is quantized."""
        return describe_export(self.folder, self.config, self.model, self.transform, self.preprocess, opset)

    def to_onnx(
        self,
        output: str | os.PathLike[str],
        samples: Sequence[Sample] = (),
        quantization: Quantizing | None = None,
    ) -> Export:
        """Write an .onnx file, once onnxruntime's logits are torch's.

        Args:
            output: the file.
            samples: clouds of the run's data, on which it is tried too.
            quantization: how it becomes int8; None leaves it float32.

        Raises:
            ConfigError: if logits differ, int8 costs too much, or the model is too large for the format.
        """
        from pointlora.export.operators import OPSET

        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        if parameters > _MOST_PARAMETERS:
            raise ConfigError(
                f"{self.config['base_model']['name']} has {parameters:,} parameters, but an .onnx file holds "
                f"{_MOST_PARAMETERS:,}: use --format torch"
            )
        network, description = self.network(self.preprocess), self.describe(OPSET)
        model = self.onnx_model(self.preprocess)
        session = SessionModel(model.SerializeToString(), network.names)
        trials = trial_inputs(network, self.transform, samples)
        comparison = check_outputs(network, session.compute, trials, "onnxruntime")
        if quantization is not None:
            model, described = quantization.apply(self)
            description = replace(description, quantization=described)
        return Export(write_model(model, description, output), description, *comparison)

    def to_torch(self, output: str | os.PathLike[str], samples: Sequence[Sample] = ()) -> Export:
        """Write a program of torch.export (.pt2), once its logits are the model's; arguments as of `to_onnx`.

        Its description is the file `pointlora.json` in it.

        Raises:
            ConfigError: if logits differ.
        """
        from pointlora.export.onnx_graph import traced
        from pointlora.ops.compiling import LOOPS, operators_in_exports

        network, description = self.network(self.preprocess), self.describe(1)
        with torch.no_grad(), operators_in_exports(LOOPS):
            program = traced(network)
        content = io.BytesIO()
        torch.export.save(program, content, extra_files={"pointlora.json": description.to_metadata()["pointlora"]})
        content.seek(0)
        loaded = torch.export.load(content).module()
        trials = trial_inputs(network, self.transform, samples)
        comparison = check_outputs(network, lambda inputs: loaded(*inputs), trials, "the exported program")
        path = write_atomically(output, lambda file: file.write(content.getbuffer()))
        return Export(path, description, *comparison)


@dataclass(frozen=True)
class Quantizing:
    """How a model becomes int8.

    Attributes:
        measure: of what it costs.
        calibration: clouds from which the ranges of activations are taken; without any, each call takes its own.
        force: write the file whatever it costs.
    """

    measure: Measure
    calibration: Sequence[Sample] = ()
    force: bool = False

    def apply(self, exporter: Exporter) -> tuple[Any, Quantization]:
        """The quantized model, and what its file says of it.

        The figures are of the network without preparation, whose layers are the same: data sets come prepared.

        Args:
            exporter: whose model it is.
        """
        import onnx

        network, plain = exporter.network(False), exporter.onnx_model(False)
        before = self.measure.of(SessionModel(plain.SerializeToString(), network.names))
        smaller = self._quantized(exporter, network, plain)
        after = self.measure.of(SessionModel(smaller, network.names))
        described = check_loss(self.measure, before, after, bool(self.calibration), self.force)
        if exporter.preprocess:
            smaller = self._quantized(exporter, exporter.network(True), exporter.onnx_model(True))
        return onnx.load_from_string(smaller), described

    def _quantized(self, exporter: Exporter, network: ExportedNetwork, model: Any) -> bytes:
        inputs = (sample_inputs(network, exporter.transform, sample) for sample in self.calibration)
        named = [{name: value.numpy() for name, value in zip(network.names, each, strict=True)} for each in inputs]
        return quantized(model, named)


def write_model(model: Any, description: ExportDescription, output: str | os.PathLike[str]) -> Path:
    """Write a model with its description, atomically."""
    import onnx

    described = onnx.ModelProto()
    described.CopyFrom(model)
    for key, value in description.to_metadata().items():
        described.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    return write_atomically(output, lambda file: file.write(sealed(described.SerializeToString())))
