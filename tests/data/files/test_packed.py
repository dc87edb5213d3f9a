"""Files packed by gzip."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


@pytest.mark.parametrize("name", [name for name in samples.SAMPLES if not name.endswith(".gz")])
def test_every_kind_packed(tmp_path: Path, name: str) -> None:
    plain = read_point_cloud(samples.write_sample(tmp_path, name), 60)
    path = samples.write(tmp_path, f"{name}.GZ", gzip.compress(samples.SAMPLES[name]()))
    packed = read_point_cloud(path, 60)
    np.testing.assert_array_equal(packed.points, plain.points)
    assert set(packed.attributes) == set(plain.attributes)
    assert (packed.path, packed.label_source) == (path, plain.label_source)
    assert packed.warnings == tuple(line.replace(str(plain.path), str(path)) for line in plain.warnings)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: samples.rows(samples.POINTS).encode(), "not a whole gzip file"),
        (lambda: gzip.compress(samples.rows(samples.POINTS).encode())[:-3], "not a whole gzip file"),
        (lambda: gzip.compress(samples.rows(samples.POINTS).encode())[:-8] + bytes(8), "not a whole gzip file"),
        (lambda: gzip.compress(b""), "the file is empty"),
        (lambda: gzip.compress(b"1 2 3\n4 x 6\n"), "line 2 has 'x'"),
        (lambda: gzip.compress(gzip.compress(b"1 2 3\n")), "is not text|where a number"),
        (lambda: gzip.compress(b"1 2 3\n" * 10_000_000), "unpacks to more than 17"),
    ],
    ids=["text", "cut", "wrong checksum", "nothing inside", "a word inside", "packed twice", "too large"],
)
def test_errors_name_the_packed_file(tmp_path: Path, make: Callable[[], bytes], words: str) -> None:
    path = samples.write(tmp_path, "a.xyz.gz", make())
    with pytest.raises(DataError, match=words) as caught:
        read_point_cloud(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert list(tmp_path.iterdir()) == [path]
