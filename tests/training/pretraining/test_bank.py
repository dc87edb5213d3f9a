"""Banks of clouds: shares, labels, the same clouds from any number of processes, ends of processes, files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pointlora.errors import ConfigError, DataError, PointLoraError, ShapeError
from pointlora.procedural import CATEGORIES, ScanOptions, scan
from pointlora.training.pretraining import bank as module
from pointlora.training.pretraining.bank import bank_cloud, bank_settings, make_bank
from pointlora.training.pretraining.bank_file import HEADER, open_bank, save_bank

SHARES = {"named": 0.4, "scan": 0.2, "freeform": 0.4}


@pytest.fixture(scope="module")
def bank():
    return make_bank(200, 64, 5, SHARES)


def test_clouds_are_finite_and_normalised_and_labelled(bank):
    points, labels = bank
    assert (points.shape, points.dtype, labels.shape, labels.dtype) == ((200, 64, 3), np.float16, (200,), np.int16)
    wide = points.astype(np.float64)
    assert np.isfinite(wide).all()
    assert np.linalg.norm(wide, axis=2).max(axis=1) == pytest.approx(np.ones(200), abs=2e-3)
    assert np.abs(wide.mean(axis=1)).max() < 2e-3
    assert labels.min() == -1
    assert labels.max() < len(CATEGORIES)
    assert np.mean(labels == -1) == pytest.approx(0.4, abs=0.14)  # four standard deviations
    assert len(set(labels.tolist())) > 25


def test_a_bank_of_one_source_holds_that_alone():
    assert (make_bank(20, 16, 1, {"freeform": 2.0})[1] == -1).all()
    assert (make_bank(20, 16, 1, {"named": 1.0, "scan": 0})[1] >= 0).all()


def test_half_of_the_scans_are_without_clutter(monkeypatch):
    clutter = []

    def recorded(category, seed, num_points, options):
        clutter.append((options or ScanOptions()).clutter)
        return scan(category, seed, num_points, options)

    monkeypatch.setattr(module, "scan", recorded)
    assert (make_bank(60, 16, 1, {"scan": 1})[1] >= 0).all()
    assert set(clutter) == {0.0, ScanOptions().clutter}
    assert 16 <= clutter.count(0.0) <= 44  # of 60, within four standard deviations


def test_a_cloud_depends_on_the_seed_and_its_number_alone(bank):
    points, labels = bank
    settings = bank_settings(10_000, 64, 5, {"named": 4, "scan": 2, "freeform": 4})
    for index in (0, 63, 64, 199):
        cloud, label = bank_cloud(settings, index)
        assert cloud.tobytes() == points[index].tobytes()
        assert label == labels[index]
    assert len({cloud.tobytes() for cloud in points}) == 200
    assert make_bank(3, 64, 6, SHARES)[0].tobytes() != points[:3].tobytes()


def test_processes_make_the_same_clouds(bank):
    points, labels = make_bank(200, 64, 5, SHARES, workers=2)
    assert points.tobytes() == bank[0].tobytes()
    assert labels.tobytes() == bank[1].tobytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 0}, "size of the bank is 0, but it must be an integer of at least 1"),
        ({"num_points": 0}, "num_points of the bank is 0"),
        ({"seed": -1}, "seed of the bank is -1"),
        ({"workers": -1}, "workers is -1"),
        ({"shares": {"nmaed": 1.0}}, "unknown source of a bank 'nmaed': did you mean 'named'?"),
        ({"shares": {"scan": -0.5}}, "share of scan in the bank is -0.5"),
        ({"shares": {"scan": 0.0}}, "shares of the bank are {'scan': 0.0}, but at least one must be above 0"),
        ({"shares": {}}, "shares of the bank are {}, but at least one must be above 0"),
    ],
)
def test_bad_settings_are_named(changed, message):
    with pytest.raises(ConfigError) as caught:
        make_bank(**{"size": 4, "num_points": 8, "seed": 0, "shares": SHARES, "workers": 0, **changed})
    assert message in str(caught.value)


def test_a_killed_process_is_an_error(monkeypatch):
    monkeypatch.setattr(module, "_chunk", _die)
    with pytest.raises(PointLoraError, match="one of 1 processes that make clouds was killed"):
        make_bank(4, 8, 0, SHARES, workers=1)


def _die(task: object) -> None:
    os._exit(1)


SCRIPT = """
from pointlora.training.pretraining.bank import make_bank

if __name__ == "__main__":
    print("begins", flush=True)
    make_bank(1_000_000, 1024, 0, {"named": 1}, workers=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("wait", [0.0, 4.0])
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_no_process(tmp_path, kind, wait):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begins\n"
    time.sleep(wait)
    if kind == signal.SIGINT:
        os.killpg(process.pid, kind)  # as a terminal does
    else:
        process.kill()
    assert process.wait(60) != 0
    process.stdout.close()
    until = time.monotonic() + 20
    while group_lives(process.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not group_lives(process.pid)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_saved_bank_is_mapped_as_it_was(tmp_path, bank):
    path = save_bank(tmp_path / "clouds.bank", *bank, description="these")
    points, labels = open_bank(path, "these")
    assert isinstance(points, np.memmap)
    assert points.tobytes() == bank[0].tobytes()
    assert labels.tobytes() == bank[1].tobytes()
    with pytest.raises(ValueError, match="read-only"):
        points[0, 0, 0] = 1.0
    assert [entry.name for entry in tmp_path.iterdir()] == ["clouds.bank"]
    with pytest.raises(DataError, match="clouds.bank: was made with other settings"):
        open_bank(path, "those")


def test_descriptions_tell_banks_apart():
    lines = {
        bank_settings(*numbers, shares).description()
        for numbers in ((4, 8, 0), (5, 8, 0), (4, 9, 0), (4, 8, 1))
        for shares in (SHARES, {"named": 1})
    }
    assert len(lines) == 8
    assert bank_settings(4, 8, 0, {"named": 2}).description() in lines


@pytest.mark.parametrize(
    ("place", "verify", "message"),
    [
        (0, False, "isn't a bank of clouds"),
        (40, False, "its header is damaged"),
        (HEADER + 3, False, "its labels are damaged"),
        (-1, True, "its points are damaged"),
    ],
)
def test_a_changed_byte_is_found(tmp_path, bank, place, verify, message):
    path = save_bank(tmp_path / "clouds.bank", *bank)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"clouds.bank: {message}"):
        open_bank(path, verify=verify)


@pytest.mark.parametrize("kept", [0, 10, HEADER, HEADER + 401, -1])
def test_a_file_cut_off_is_found(tmp_path, bank, kept):
    path = save_bank(tmp_path / "clouds.bank", *bank)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="clouds.bank: "):
        open_bank(path, verify=False)


def test_a_foreign_file_is_named(tmp_path):
    np.save(tmp_path / "clouds.npy", np.zeros((2, 3, 3)))
    with pytest.raises(DataError, match="clouds.npy: isn't a bank of clouds"):
        open_bank(tmp_path / "clouds.npy")
    with pytest.raises(FileNotFoundError):
        open_bank(tmp_path / "none.bank")


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        (np.zeros((2, 4, 3), np.float32), np.zeros(2, np.int16)),
        (np.zeros((2, 4, 2), np.float16), np.zeros(2, np.int16)),
        (np.zeros((2, 4, 3), np.float16), np.zeros(3, np.int16)),
        (np.zeros((0, 4, 3), np.float16), np.zeros(0, np.int16)),
        (np.zeros((2, 4, 3), np.float16), np.zeros(2, np.int64)),
    ],
)
def test_other_arrays_are_not_saved(tmp_path, points, labels):
    with pytest.raises(ShapeError, match="a bank is"):
        save_bank(tmp_path / "clouds.bank", points, labels)
    assert list(tmp_path.iterdir()) == []
