"""LZF decompression against streams written by hand and a plain encoder."""

from __future__ import annotations

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files.lzf import lzf_decompress


def test_streams_by_hand() -> None:
    assert lzf_decompress(b"\x02abc", 3) == b"abc"
    # Literal "ab", then a copy of 3 + 2 - 2 + ... : c = 2 << 5 gives 4 bytes from distance 1 + 1.
    assert lzf_decompress(b"\x01ab\x40\x01", 6) == b"ababab"
    # 7 in the top bits: 7 + 5 + 2 = 14 bytes from distance 1, overlapping itself.
    assert lzf_decompress(b"\x00z\xe0\x05\x00", 15) == b"z" * 15


@pytest.mark.parametrize("size", [1, 33, 5000, 20000])
def test_round_trip(size: int) -> None:
    noise = np.random.default_rng([size]).integers(0, 3, size).astype(np.uint8).tobytes()
    packed = samples.lzf_compress(noise)
    assert lzf_decompress(packed, size) == noise
    flat = bytes(size)
    assert lzf_decompress(samples.lzf_compress(flat), size) == flat


@pytest.mark.parametrize(
    ("data", "size"),
    [(b"\x05ab", 6), (b"\x00a\x20", 4), (b"\x00a\xe0\x01", 4), (b"\x00a\x20\x05", 4), (b"\x02abc", 4), (b"\x02abc", 2)],
)
def test_damaged_streams(data: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="compressed data|back reference"):
        lzf_decompress(data, size)
