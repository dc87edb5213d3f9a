"""What an .onnx file holds, found without the package `onnx` and before any runtime sees it.

A file may come from anybody. onnxruntime opens whatever files a model names as the place of its weights, and loads its
own format where the bytes look like it. So a file is first gone through here: it must be whole, hold all of its
weights itself, and have no parts but those that an exported network has. Everything else is refused, whether or not
it does harm. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from pointlora.adapters.config_fields import shown
from pointlora.data.files.limits import check_file
from pointlora.errors import CheckpointError
from pointlora.export.description import METADATA_KEY, ExportDescription
from pointlora.export.wire import BYTES, VARINT, Damaged, Field, read_fields, read_varints

# Fields of each kind of message: the kind of message that they hold, or "" for what isn't looked into. Names of
# weights in other files (13 and 14 of a tensor), functions, sparse tensors and training are left out, hence refused.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {**dict.fromkeys(range(1, 7), ""), 7: "graph", 8: "opset", 14: "entry"},
    "graph": {1: "node", 5: "tensor", **dict.fromkeys((2, 10, 11, 12, 13, 14, 16), "")},
    "node": {**dict.fromkeys((1, 2, 3, 4, 6, 7, 9), ""), 5: "attribute"},
    "attribute": {
        **dict.fromkeys((1, 2, 3, 4, 7, 8, 9, 13, 20), ""),
        **{5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
    },
    "tensor": dict.fromkeys((*range(1, 13), 14, 16), ""),
    "opset": {1: "", 2: ""},
    "entry": {1: "", 2: ""},
}
_EXTERNAL_DATA, _DATA_LOCATION, _DIMS = 13, 14, 1
_TENSOR_DATA = (4, 5, 6, 7, 9, 10, 11)
# Operators of the standard, and onnxruntime's own for quantized numbers. None of them reads a file.
_DOMAINS = ("", "ai.onnx", "com.microsoft")
_MOST_BYTES = 2**31 - 1  # of any message
_MOST_FIELDS = 1_000_000
_MOST_DIMENSIONS = 16
_DEEPEST = 64
# The last entry of the model's metadata: its field 14, with a key in field 1 and a value in field 2.
_SEAL_KEY = b"pointlora_sha256"
_SEAL_BYTES = 2 + 2 + len(_SEAL_KEY) + 2 + 64
# At the same place onnxruntime looks for the mark of its own format.
_OTHER_FORMAT = slice(4, 8), b"ORTM"


@dataclass(frozen=True)
class OnnxFile:
    """A file that may be given to a runtime, as bytes.

    Attributes:
        path: where it was read from.
        content: all of it.
        description: what it says of itself, see `ExportDescription`.
    """

    path: Path
    content: bytes
    description: ExportDescription


def read_onnx(path: str | os.PathLike[str]) -> OnnxFile:
    """Read a file that `pointlora export` wrote. Nothing else is opened.

    Raises:
        DataError: if there is no such file, or it can't be read.
        CheckpointError: if it is damaged, another kind of file, keeps weights elsewhere, or says of itself what makes
            no sense or isn't so.
    """
    path = Path(path)
    if check_file(path) > _MOST_BYTES:
        raise CheckpointError(f"{path} has more than {_MOST_BYTES} bytes, which no .onnx file may have")
    content = path.read_bytes()
    found = _Contents(path, content)
    try:
        found.look()
    except Damaged as error:
        raise CheckpointError(f"{path} is no .onnx file, or damaged: {error}") from error
    described = ExportDescription.from_metadata(found.metadata, path)
    if found.opsets.get("") != described.opset:
        raise CheckpointError(f"{path} says opset {described.opset} of itself, but is of {found.opsets.get('')}")
    if sealed(content[:-_SEAL_BYTES]) != content:
        raise CheckpointError(
            f"{path} was changed or damaged after it was written: its SHA-256 is not the one in it; export it again"
        )
    return OnnxFile(path, content, described)


def sealed(content: bytes) -> bytes:
    """A serialized model with one more entry of metadata behind it: the SHA-256 of everything before.

    So a file whose weights or description were touched is noticed. It is no signature: who means harm can make another.
    """
    digest = hashlib.sha256(content).hexdigest().encode()
    entry = b"\x0a" + bytes([len(_SEAL_KEY)]) + _SEAL_KEY + b"\x12" + bytes([len(digest)]) + digest
    return content + b"\x72" + bytes([len(entry)]) + entry


@dataclass
class _Contents:
    """Goes through a file.

    Attributes:
        metadata: our entry of the model's own metadata.
        opsets: version of the operators of each domain.
    """

    path: Path
    content: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    graphs: int = 0

    def look(self) -> None:
        """Go through all messages; those that others hold are put aside, so that none is too deep for Python."""
        if self.content[_OTHER_FORMAT[0]] == _OTHER_FORMAT[1]:
            raise Damaged("it has the mark of another format")
        waiting, count = [("model", 0, len(self.content), 0)], 0
        while waiting:
            kind, start, stop, depth = waiting.pop()
            if depth > _DEEPEST:
                raise Damaged(f"its parts are nested more than {_DEEPEST} deep")
            own: list[Field] = []
            for one in read_fields(self.content, start, stop):
                count += 1
                if count > _MOST_FIELDS:
                    raise Damaged(f"it has more than {_MOST_FIELDS} parts")
                own.append(one)
                inner = self._inner(kind, one)
                if inner:
                    waiting.append((inner, one.start, one.stop, depth + 1))
            self._look_at(kind, own)
        if self.graphs != 1:
            raise Damaged(f"it has {self.graphs} graphs")

    def _inner(self, kind: str, one: Field) -> str:
        """The kind of message that a field holds, or "".

        Raises:
            CheckpointError: for a field that an exported network doesn't have.
        """
        external = one.number == _EXTERNAL_DATA or (one.number == _DATA_LOCATION and (one.wire or one.value))
        if kind == "tensor" and external:
            raise CheckpointError(
                f"{self.path} keeps weights in another file (external data), which isn't opened: export it again"
            )
        inner = _FIELDS[kind].get(one.number)
        if inner is None:
            raise CheckpointError(
                f"{self.path} is no .onnx file that `pointlora export` wrote: a {kind} of it has field {one.number}"
            )
        if inner and one.wire != BYTES:
            raise Damaged(f"a {kind} has a {inner} that is a number")
        self.graphs += kind == "model" and inner == "graph"
        return inner

    def _look_at(self, kind: str, fields: list[Field]) -> None:
        if kind == "tensor":
            self._check_tensor(fields)
        elif kind == "node":
            for one in fields:
                domain = self._text(one) if one.number == 7 else ""
                if domain not in _DOMAINS:
                    raise CheckpointError(f"{self.path} needs operators of {shown(domain)}, which aren't loaded")
        elif kind == "opset":
            names = [self._text(one) for one in fields if one.number == 1]
            domain = "" if names in ([], ["ai.onnx"]) else names[-1]
            self.opsets[domain] = next((one.value for one in reversed(fields) if one.number == 2), 0)
        elif kind == "entry":
            key, value = ([one for one in fields if one.number == number] for number in (1, 2))
            if key and self._text(key[-1]) == METADATA_KEY:
                if METADATA_KEY in self.metadata or len(key) > 1 or len(value) != 1:
                    raise Damaged("what it says of itself stands there twice, or not at all")
                self.metadata[METADATA_KEY] = self._text(value[0])

    def _check_tensor(self, fields: list[Field]) -> None:
        """The numbers that a tensor says it has must be there: no memory is asked for on the word of a file."""
        available = sum(max(one.stop - one.start, 1) for one in fields if one.number in _TENSOR_DATA)
        shape: list[int] = []
        for one in fields:
            if one.number == _DIMS:
                packed = one.wire != VARINT
                shape += read_varints(self.content, one.start, one.stop) if packed else [one.value]
            if len(shape) > _MOST_DIMENSIONS:
                raise Damaged(f"a tensor has more than {_MOST_DIMENSIONS} dimensions")
        if prod(shape) > 8 * available:  # the smallest numbers have one bit
            raise Damaged(f"a tensor of {prod(shape)} numbers has {available} bytes")

    def _text(self, one: Field) -> str:
        if one.wire != BYTES:
            raise Damaged(f"a number stands at byte {one.start}, and should be a text")
        try:
            return self.content[one.start : one.stop].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Damaged(f"no text at byte {one.start}") from error
