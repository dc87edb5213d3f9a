"""An exported network in onnxruntime, held against what its file says of itself."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pointlora.checks import check_choice
from pointlora.data.files.limits import one_line
from pointlora.errors import CheckpointError, ConfigError
from pointlora.export.description import CATEGORY, LOGITS
from pointlora.export.onnx_file import OnnxFile

_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_FLOATS, _INTEGERS = "tensor(float)", "tensor(int64)"
_FATAL_ONLY = 4  # everything else is raised too, and becomes our own line


class OnnxNetwork:
    """A network that computes logits.

    Args:
        file: from `read_onnx`.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: if onnxruntime doesn't take it, or its inputs and outputs aren't what the file says.
        ConfigError: for an unknown device, or CUDA where onnxruntime has none.
    """

    def __init__(self, file: OnnxFile, device: str = "auto") -> None:
        self.path, self.description = file.path, file.description
        providers, options = providers_for(device), session_options()
        onnxruntime.set_default_logger_severity(_FATAL_ONLY)
        try:
            self.session = onnxruntime.InferenceSession(file.content, options, providers)
        except Exception as error:  # onnxruntime's own kinds have no other class in common
            raise CheckpointError(f"{self.path}: onnxruntime can't open it ({printable(error)})") from error
        self._check_inputs()
        self._check_outputs()

    def logits(self, **inputs: NDArray[Any]) -> NDArray[np.float32]:
        """What the network makes of `points` (B, N, 3 + F) float32, and in part segmentation of `queries`
        (B, M, 3 + F) and of `category` (B,) int64: (B, C), or (B, M, parts).

        Raises:
            CheckpointError: if onnxruntime fails, or gives something else than finite numbers of that shape.
        """
        try:
            (found,) = self.session.run([LOGITS], inputs)
        except Exception as error:
            raise CheckpointError(f"{self.path}: onnxruntime can't run it ({printable(error)})") from error
        leading = inputs["queries" if "queries" in inputs else "points"].shape
        wanted = (*leading[: self._rank - 1], self.description.num_outputs)
        if found.shape != wanted:
            raise CheckpointError(
                f"{self.path} is damaged: its logits have shape {found.shape}, and by what it says of itself {wanted}"
            )
        if not np.isfinite(found).all():
            raise CheckpointError(f"{self.path} is damaged: its logits are not finite")
        return np.asarray(found, dtype=np.float32)

    @property
    def _rank(self) -> int:
        return 2 if self.description.parts is None else 3

    def _check_inputs(self) -> None:
        described = self.description
        found = {one.name: (one.type, one.shape) for one in self.session.get_inputs()}
        if set(found) != set(described.inputs):
            self._refuse(f"it has the inputs {sorted(found)}", f"{sorted(described.inputs)}")
        for name, (kind, shape) in found.items():
            number = name == CATEGORY
            width = [] if number else [None, 3 + described.num_features]
            self._check(f"input {name}", kind, shape, _INTEGERS if number else _FLOATS, [None, *width])

    def _check_outputs(self) -> None:
        found = {one.name: (one.type, one.shape) for one in self.session.get_outputs()}
        if set(found) != {LOGITS}:
            self._refuse(f"it has the outputs {sorted(found)}", f"{[LOGITS]}")
        wanted = [*[None] * (self._rank - 1), self.description.num_outputs]
        self._check(f"output {LOGITS}", *found[LOGITS], _FLOATS, wanted)

    def _check(self, what: str, kind: str, shape: list[Any], wanted: str, sizes: list[int | None]) -> None:
        """A size may be open in the file (a name or None); one of `sizes` that is None must be."""
        fits = len(shape) == len(sizes) and all(
            not isinstance(own, int) or own == size for own, size in zip(shape, sizes, strict=True)
        )
        if kind != wanted or not fits:
            shown = [size if size is not None else "any" for size in sizes]
            self._refuse(f"{what} is {kind} {shape}", f"{wanted} {shown}")

    def _refuse(self, found: str, wanted: str) -> None:
        raise CheckpointError(printable(f"{self.path} is damaged: {found}, and by what it says of itself {wanted}"))


def session_options() -> onnxruntime.SessionOptions:
    """Says nothing on stderr, takes the bytes for ONNX whatever they look like, and uses the cores of this process."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = usable_cores()
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def usable_cores() -> int:
    """As many as OMP_NUM_THREADS says, as for torch; otherwise those that this process may run on."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def providers_for(device: str) -> list[str]:
    """onnxruntime's names for where to compute, the first choice first.

    Raises:
        ConfigError: for an unknown device, or CUDA where onnxruntime has none.
    """
    check_choice("device", device, ("auto", "cpu", "cuda"))
    cuda = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not cuda:
        raise ConfigError("device is 'cuda', but onnxruntime finds no CUDA device: use cpu or auto")
    return [_CUDA, _CPU] if cuda and device != "cpu" else [_CPU]


def printable(error: object) -> str:
    """A message of another, with words that may come out of a file, as one line that a terminal can show."""
    text = one_line(error) if isinstance(error, BaseException) else str(error)
    return "".join(letter if letter.isprintable() else "?" for letter in text)
