"""Weight files with strange objects beside the tensors: these are skipped, and nothing in a file runs."""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import os
import pickle
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pointlora.errors import CheckpointError
from pointlora.models.skipping_pickle import Skipped, load_pickle
from pointlora.models.torch_files import read_skipping
from pointlora.models.weight_files import read_file, read_weights


class Metric:
    """A metric object as training codes keep it."""

    def __init__(self, value: Any = 0.9) -> None:
        self.acc = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 1


class Listed(list):  # type: ignore[type-arg]
    pass


class Named(dict):  # type: ignore[type-arg]
    pass


class Bomb:
    """Pickled as a call that leaves a crater."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, **others: Any) -> None:
        self.call = (function, arguments, *others.values())

    def __reduce__(self) -> Any:
        return self.call


WEIGHTS = {
    "norm.weight": torch.arange(4.0),
    "half": torch.ones(2, 3, dtype=torch.float16),
    "steps": torch.tensor(7),
    "empty": torch.zeros(0, 3),
    "turned": torch.arange(6.0).view(2, 3).t(),
    "part": torch.arange(10.0)[4:7],
    "parameter": torch.nn.Parameter(torch.full((2,), 3.0)),
    "flags": torch.tensor([True, False]),
    "brain": torch.ones(3, dtype=torch.bfloat16),
}


def save(path: Path, content: Any, old: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    return path


def check_weights(path: Path) -> None:
    weights, name = read_weights(path)
    assert name == str(path)
    assert list(weights) == list(WEIGHTS)
    for key, value in WEIGHTS.items():
        assert (weights[key].dtype, weights[key].shape) == (value.dtype, value.shape), key
        assert torch.equal(weights[key], value), key


@pytest.mark.parametrize("old", [False, True])
def test_harmless_strange_objects_are_skipped(tmp_path: Path, old: bool) -> None:
    content = {
        "base_model": collections.OrderedDict(WEIGHTS),
        "metrics": Metric(np.float32(0.5)),
        "args": argparse.Namespace(lr=0.1, root=Path("data")),
        "hyper_parameters": {"model": Metric(), "sizes": np.arange(3), "names": np.array(["a"], object), "set": {1, 2}},
        "others": [Slotted(), Listed([1]), Named(a=1), range(3), collections.Counter("ab"), types.SimpleNamespace(a=1)],
        "frozen": frozenset({1}),
        "epoch": 3,
    }
    path = save(tmp_path / "last.pth", content, old)
    check_weights(path)
    found = read_file(path)
    assert found["epoch"] == 3
    assert {f"{__name__}.Metric", "argparse.Namespace", "types.SimpleNamespace"} <= set(found.skipped)
    assert type(found["metrics"]) is Skipped


@pytest.mark.parametrize("old", [False, True])
def test_both_readers_give_the_same(tmp_path: Path, old: bool) -> None:
    """torch's own, for plain files, and the one that skips."""
    path = save(tmp_path / "plain.pth", {"model": WEIGHTS, "epoch": 1}, old)
    expected, (found, skipped) = read_file(path), read_skipping(path)
    assert expected["epoch"] == found["epoch"]
    assert (skipped, expected.skipped) == ([], ())
    for key, value in expected["model"].items():
        assert torch.equal(found["model"][key], value), key


def bombs(crater: str) -> dict[str, Any]:
    """Payloads in every place where a real file has an object; each would make the folder `crater`."""
    boom = Bomb(os.mkdir, crater)
    weights = collections.OrderedDict(WEIGHTS)
    with_state = collections.OrderedDict(WEIGHTS)
    with_state._metadata = boom  # type: ignore[attr-defined]
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.extra = boom  # type: ignore[attr-defined]
    named = argparse.Namespace(run=boom)
    return {
        "metrics": {"base_model": weights, "metrics": boom},
        "best metrics, nested": {"base_model": weights, "best_metrics": {"acc": [boom, (boom,)]}},
        "before the weights": {"epoch": boom, "base_model": weights},
        "optimizer": {"base_model": weights, "optimizer": {"state": {0: {"step": boom}}, "param_groups": [boom]}},
        "in a Namespace": {"base_model": weights, "args": named},
        "as a key": {"base_model": weights, "others": {boom: 1}},
        "in a set": {"base_model": weights, "others": {boom}},
        "beside the tensors": {"base_model": {**weights, "z": boom}},
        "as a state dict's attribute": {"base_model": with_state},
        "argument of a call": {"base_model": weights, "a": Bomb(Metric, boom)},
        "state of an object": {"base_model": weights, "a": Bomb(Metric, state={"acc": boom})},
        "items of a list": {"base_model": weights, "a": Bomb(Listed, state=None, items=iter([boom]))},
        "items of a dict": {"base_model": weights, "a": Bomb(Named, state=None, items=None, pairs=iter([("k", boom)]))},
        "eval": {"base_model": weights, "a": Bomb(eval, f"__import__('os').mkdir({crater!r})")},
        "exec": {"base_model": weights, "a": Bomb(exec, f"import os; os.mkdir({crater!r})")},
        "getattr of a module": {"base_model": weights, "a": Bomb(getattr, Bomb(__import__, "os"), "mkdir")},
        "map of calls": {"base_model": weights, "a": Bomb(list, Bomb(map, os.mkdir, [crater]))},
        "torch.load of bytes": {"base_model": weights, "a": Bomb(torch.storage._load_from_bytes, pickle.dumps(boom))},
        "numpy object array": {"base_model": weights, "a": np.array([boom], object)},
        "hook of a tensor": {"base_model": weights, "a": Bomb(torch._utils._rebuild_parameter, boom, True, boom)},
        "extra state of a parameter": {"base_model": weights, "a": parameter},
        "rebuild with a hostile storage": {
            "base_model": weights,
            "a": Bomb(torch._utils._rebuild_tensor_v2, boom, 0, (1,), (1,), False, boom),
        },
    }


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("name", bombs("x"))
def test_a_payload_is_skipped_and_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: bool
) -> None:
    crater = tmp_path / "crater"
    path = save(tmp_path / "bad.pth", bombs(str(crater))[name], old)
    check_weights(path)
    assert not crater.exists()
    # The payload is one: read as pickles usually are, it does run.
    with contextlib.suppress(Exception):
        torch.load(path, weights_only=False)
    assert crater.exists() or name in ("getattr of a module", "rebuild with a hostile storage", "torch.load of bytes")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"model": Metric()}, "no weights beside .*Metric"),
        (Metric(), "it is .*Metric, not a dict of weights"),
        ({"epoch": Bomb(os.mkdir, "crater")}, "no weights beside .*mkdir"),
    ],
)
def test_files_without_weights_are_refused(tmp_path: Path, content: Any, word: str) -> None:
    path = save(tmp_path / "bad.pth", content)
    with pytest.raises(CheckpointError, match=rf"bad\.pth .*refused without running it: .*{word}") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def with_pickle(path: Path, content: bytes) -> Path:
    """A torch file whose pickle is this."""
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(2)}, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, content if name.endswith("data.pkl") else source.read(name))
    return path


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02U\x01a0Pa\n.", "PERSID"),
        (b"\x80\x02]r\xff\xff\xff\x7f.", "parts"),
        # BUILD on what names stand for: a class, a function, a type, a tensor.
        (b"\x80\x02ccollections\nOrderedDict\nN}U\x08__call__U\x01bs\x86b.", "missing 1 required positional"),
        (b"\x80\x02cos\nsystem\nN}U\x07__new__U\x01bs\x86b.", "missing 1 required positional"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}U\x08__call__U\x01bs\x86b.", "__call__"),
        (b"\x80\x02ctorch\nFloatStorage\nN}U\x05dtypeU\x01bs\x86b.", "attribute"),
        (
            b"\x80\x02(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x02tQ(NK\x01tb.",
            "sets the state of a tensor",
        ),
        # More numbers than the file has.
        (
            b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuJ"
            b"\xff\xff\xff\x7ftQK\x00K\x01\x85K\x01\x85\x89NtRs.",
            "bytes, not",
        ),
        (
            b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x02"
            b"tQK\x00K\x63\x85K\x01\x85\x89NtRs.",
            "beyond its storage",
        ),
    ],
)
def test_pickles_that_torch_does_not_write_are_refused_and_change_nothing(
    tmp_path: Path, content: bytes, word: str
) -> None:
    path = with_pickle(tmp_path / "odd.pth", content)
    with pytest.raises(Exception, match=word):
        read_skipping(path)
    with pytest.raises(CheckpointError, match=r"odd\.pth"):
        read_file(path)
    check_weights(save(tmp_path / "good.pth", {"model": WEIGHTS, "metrics": Metric()}))


def test_nothing_is_imported(tmp_path: Path) -> None:
    stream = io.BytesIO(b"\x80\x02cantigravity\nfly\n)Rcno_such_module\nthing\n\x86.")
    found = load_pickle(stream)
    assert found.skipped == ["antigravity.fly", "no_such_module.thing"]
    assert type(found.content[0]) is Skipped
    import sys

    assert "antigravity" not in sys.modules


def test_plain_pickles_and_programs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"model": WEIGHTS, "metrics": Bomb(os.mkdir, "crater")}))
    with pytest.raises(CheckpointError, match="refused without running it: it is a plain pickle"):
        read_file(tmp_path / "plain.pth")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "program.pth"))
    with pytest.raises(CheckpointError, match="refused without running it"):
        read_file(tmp_path / "program.pth")


@pytest.mark.parametrize("old", [False, True])
def test_damaged_files_are_named(tmp_path: Path, old: bool) -> None:
    whole = save(tmp_path / "whole.pth", {"model": WEIGHTS, "metrics": Metric()}, old).read_bytes()
    for length in range(1, len(whole), 97):
        (tmp_path / "part.pth").write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"part\.pth") as caught:
            read_weights(tmp_path / "part.pth")
        assert "\n" not in str(caught.value)


PREFIXES = ["", "module.", "module.module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."]


@pytest.mark.parametrize("place", ["base_model", "model", "state_dict", "module", "model_state_dict", None])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_weights_are_found_in_every_code_s_place(tmp_path: Path, place: str | None, prefix: str) -> None:
    weights = {prefix + key: value for key, value in WEIGHTS.items()}
    content = weights if place is None else {place: weights, "epoch": 3}
    check_weights(save(tmp_path / "any.pth", content))


def test_settings_under_a_name_of_weights_are_passed_over(tmp_path: Path) -> None:
    check_weights(save(tmp_path / "any.pth", {"model": {"depth": 12}, "state_dict": WEIGHTS}))


def test_a_compiled_part_has_the_names_of_the_part() -> None:
    weights, _ = read_weights({"module.blocks._orig_mod.0.weight": torch.ones(2)})
    assert list(weights) == ["blocks.0.weight"]
