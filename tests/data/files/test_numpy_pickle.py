"""Arrays come out of pickles of every protocol; nothing else does, and nothing in them runs."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_layouts import one_line
from pointlora.data.files import numpy_pickle
from pointlora.data.files.numpy_pickle import read_numpy_pickle
from pointlora.data.files.pickled_arrays import NAMES, array_of
from pointlora.errors import DataError


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_gives_the_arrays(tmp_path: Path, protocol: int) -> None:
    arrays = [
        np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32),
        np.asfortranarray(np.arange(12.0).reshape(4, 3)),
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.zeros((0, 3), np.float16),
        np.array(True),
    ]
    plain = {"text": ["é", b"\xff\x00"], "numbers": (1, -(2**40), 0.5, None, True)}
    content = {"arrays": arrays, "scalar": np.int64(-7), **plain}
    found = read_numpy_pickle(write(tmp_path / "a.pkl", pickle.dumps(content, protocol=protocol)))
    for array, read in zip(arrays, map(array_of, found["arrays"]), strict=True):
        assert read.dtype == array.dtype.newbyteorder("=")
        assert (read.shape, read.tolist()) == (array.shape, array.tolist())
    assert array_of(found["scalar"]) == -7
    assert {key: found[key] for key in plain} == plain


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    """As `cPickle.dumps(array, 2)` wrote it: bytes as text."""
    dtype = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    start = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    values = np.array([1.5, -2.25], "<f4").tobytes()
    content = start + b"(K\x01K\x02\x85" + dtype + b"\x89U\x08" + values + b"tb."
    assert array_of(read_numpy_pickle(write(tmp_path / "old.pkl", content))).tolist() == [1.5, -2.25]


class _Call:
    """Pickled as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", ["top", "among arrays"])
def test_a_payload_is_refused_and_not_run(tmp_path: Path, protocol: int, place: str) -> None:
    import os

    crater = tmp_path / "crater"
    bomb: Any = _Call(os.mkdir, str(crater))
    content = bomb if place == "top" else {"train": [(np.zeros((2, 3)), 0, "a")], "test": [bomb]}
    path = write(tmp_path / "bomb.pkl", pickle.dumps(content, protocol=protocol))
    with pytest.raises(DataError) as error:
        read_numpy_pickle(path)
    one_line(error.value, path, "refused without running it", "mkdir")
    assert not crater.exists()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (pickle.dumps(_Call(eval, "1 + 1")), "eval"),
        (pickle.dumps(np.array([print, 1], dtype=object)), "plain numbers"),
        (pickle.dumps(np.array([1, "a"], dtype=object)), "plain numbers"),
        (pickle.dumps(np.array(["text"])), "plain numbers"),
        (pickle.dumps(np.zeros(2, [("x", "f4")])), "plain numbers"),
        (pickle.dumps(np.array(["2020-01-01"], "datetime64[D]")), "plain numbers"),
        (pickle.dumps(np.ma.zeros(3)), "numpy.ma"),
        (pickle.dumps({1, 2}), "EMPTY_SET"),
        (pickle.dumps(Path("a")), "pathlib"),
        (b"\x80\x02cnumpy\nload\nU\x01a\x85R.", "numpy.load"),
        (b"\x80\x02cnumpy.core.multiarray\nfromfile\n.", "fromfile"),
        (b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.", "ndarray.__class__"),
        (b"\x80\x02(i__builtin__\ndict\n.", "INST"),
        (b"\x80\x02U\x01aQ.", "BINPERSID"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02]r\xff\xff\xff\x7f.", "parts"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.", "codecs.encode"),
    ],
)
def test_whatever_is_no_array_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    path = write(tmp_path / "other.pkl", content)
    with pytest.raises(DataError) as error:
        read_numpy_pickle(path)
    one_line(error.value, path, "refused without running it", word)


def test_what_names_stand_for_cannot_be_changed(tmp_path: Path) -> None:
    """BUILD sets attributes of whatever lies on the stack, here of the stand-in of `dtype`."""
    path = write(tmp_path / "build.pkl", b"\x80\x02cnumpy\ndtype\nN}U\x01aU\x01bs\x86b.")
    with pytest.raises(DataError, match=r"build\.pkl: cannot be read as a pickle"):
        read_numpy_pickle(path)
    assert not hasattr(NAMES["numpy", "dtype"], "a")


def test_truncated_and_damaged_files(tmp_path: Path) -> None:
    whole = pickle.dumps({"train": [(np.ones((4, 3), np.float32), 1, "a")], "test": []}, protocol=2)
    for length in range(1, len(whole)):
        path = write(tmp_path / "part.pkl", whole[:length])
        with pytest.raises(DataError) as error:
            read_numpy_pickle(path)
        one_line(error.value, path, "damaged or incomplete")
    for name, content in {"more": whole + b"x", "text": b"hello", "zip": b"PK\x03\x04 ..."}.items():
        with pytest.raises(DataError, match=name):
            read_numpy_pickle(write(tmp_path / name, content))
    with pytest.raises(DataError, match="no such file"):
        read_numpy_pickle(tmp_path / "gone.pkl")


def test_no_single_byte_does_harm(tmp_path: Path) -> None:
    whole = pickle.dumps([np.ones((2, 3), np.float32), 1], protocol=4)
    path = tmp_path / "flipped.pkl"
    for position in range(len(whole)):
        for value in (0, 0x52, 0x62, 0xFF):
            write(path, whole[:position] + bytes([value]) + whole[position + 1 :])
            try:
                read_numpy_pickle(path)
            except DataError as error:
                one_line(error, path)


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = b"\x80\x04\x8e" + struct.pack("<Q", 10**15) + b"."  # BINBYTES8
    with pytest.raises(DataError, match="damaged or incomplete"):
        read_numpy_pickle(write(tmp_path / "huge.pkl", huge))
    array = pickle.dumps(np.zeros(2, np.float32), protocol=2).replace(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85")
    with pytest.raises(DataError, match="needs 8589934588 bytes and has 8"):
        read_numpy_pickle(write(tmp_path / "shape.pkl", array))
    monkeypatch.setattr(numpy_pickle, "MAX_PICKLE_BYTES", 10)
    with pytest.raises(DataError, match="the limit for a pickle is 10"):
        read_numpy_pickle(tmp_path / "shape.pkl")
