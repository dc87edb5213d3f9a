"""The benchmark of the readers writes files that are read."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reading import measure, write_files


def test_every_file_is_read(tmp_path: Path) -> None:
    write_files(tmp_path, 2000)
    times = measure(tmp_path)
    assert set(times) == {path.name for path in tmp_path.iterdir()}
    assert len(times) == 17
    assert all(len(found) == 5 and min(found) > 0 for found in times.values())
