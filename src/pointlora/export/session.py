"""An ONNX model as onnxruntime computes it, for comparison with torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class SessionOutput(NamedTuple):
    """What a model in onnxruntime returns; `logits` as of the network that was exported."""

    logits: Tensor


class SessionModel(nn.Module):
    """Takes the place of a classifier or a part segmenter in evaluation.

    Args:
        model: the content of an .onnx file.
        names: of its inputs.
        threads: that compute an operator; by default as many as torch has.
    """

    def __init__(self, model: bytes, names: Sequence[str], threads: int | None = None) -> None:
        import onnxruntime

        super().__init__()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads() if threads is None else threads
        options.log_severity_level = 3
        self.session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.names = tuple(names)
        # Those who evaluate look at the device of the parameters.
        self.place = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, points: Tensor, category: Tensor | None = None, queries: Tensor | None = None) -> SessionOutput:
        given = {"points": points, "queries": points if queries is None else queries, "category": category}
        return SessionOutput(self.compute([given[name] for name in self.names]))

    def compute(self, inputs: Sequence[Tensor | None]) -> Tensor:
        """Logits of inputs in the order of their names."""
        given = {name: value.numpy() for name, value in zip(self.names, inputs, strict=True) if value is not None}
        (logits,) = self.session.run(None, given)
        return torch.from_numpy(logits)
