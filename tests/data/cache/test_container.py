"""The file of ragged clouds: what is written comes back, and no damage goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset_layouts import clouds, one_line
from pointlora.data.cache.container import HEADER, CloudFile, DamagedCacheError, write_clouds
from pointlora.errors import DataError

SIZES = (5, 1, 33, 12)


def ragged() -> list[np.ndarray]:
    return [clouds(1, size)[0] for size in SIZES]


def write(path: Path, points: list[np.ndarray] | None = None) -> Path:
    pairs = ((cloud, 10 + number) for number, cloud in enumerate(points or ragged()))
    write_clouds(path, "state", pairs, lambda index: f"cloud[{index}]")
    return path


def test_ragged_clouds_come_back_bit_for_bit(tmp_path: Path) -> None:
    file = CloudFile(write(tmp_path / "c"), "state")
    assert file.sizes.tolist() == list(SIZES)
    assert file.labels.tolist() == [10, 11, 12, 13]
    for index in (2, 0, 3, 1):
        cloud = file.cloud(index)
        assert cloud.dtype == np.float32
        np.testing.assert_array_equal(cloud, ragged()[index])
    assert (tmp_path / "c").stat().st_size == HEADER + 12 * sum(SIZES) + 32 * len(SIZES)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    content = write(tmp_path / "c").read_bytes()
    for size in [*range(0, len(content), 7), len(content) - 1]:
        (tmp_path / "c").write_bytes(content[:size])
        with pytest.raises(DamagedCacheError):
            CloudFile(tmp_path / "c", "state")


def test_every_flipped_byte_is_noticed_or_without_effect(tmp_path: Path) -> None:
    content = write(tmp_path / "c").read_bytes()
    noticed = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x41
        (tmp_path / "c").write_bytes(changed)
        try:
            file = CloudFile(tmp_path / "c", "state")
            found = [file.cloud(index) for index in range(len(file))]
        except DamagedCacheError:
            noticed += 1
            continue
        for cloud, expected in zip(found, ragged(), strict=True):
            np.testing.assert_array_equal(cloud, expected)
    assert noticed > len(content) - HEADER  # only the header's padding may differ


def test_a_file_of_another_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedCacheError, match="different files"):
        CloudFile(write(tmp_path / "c"), "another")


@pytest.mark.parametrize("bad", [np.zeros((0, 3), np.float32), np.full((4, 3), np.nan, np.float32)])
def test_bad_clouds_are_named_and_nothing_is_left(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(DataError) as error:
        write(tmp_path / "c", [*ragged(), bad])
    one_line(error.value, "cloud[4]: holds")
    assert list(tmp_path.iterdir()) == []
