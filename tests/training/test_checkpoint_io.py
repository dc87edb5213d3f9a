import errno
import pickle

import pytest
import torch

from pointlora.errors import CheckpointError
from pointlora.training import checkpoint_io
from pointlora.training.checkpoint_io import AtomicCheckpointIO, read_checkpoint

CONTENT = {"state_dict": {"w": torch.arange(3.0)}, "loops": {}, "optimizer_states": []}


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    assert torch.equal(read_checkpoint(path)["state_dict"]["w"], torch.arange(3.0))
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(CONTENT, path)
    before = path.read_bytes()
    real = checkpoint_io.write_atomically

    def full(target, write):
        def fails(file):
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        return real(target, fails)

    monkeypatch.setattr(checkpoint_io, "write_atomically", full)
    with pytest.raises(OSError, match="No space left") as caught:
        AtomicCheckpointIO().save_checkpoint({**CONTENT, "more": 1}, path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


class _Evil:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "pickle", "another"])
def test_damaged_files_are_named(tmp_path, damage, capsys):
    path = tmp_path / "last.ckpt"
    torch.save({**CONTENT, "evil": _Evil()} if damage == "pickle" else CONTENT, path)
    whole = path.read_bytes()
    if damage == "another":
        torch.save({"weights": torch.ones(1)}, path)
    elif damage != "pickle":
        path.write_bytes({"empty": b"", "garbage": pickle.dumps([1]), "truncated": whole[: len(whole) // 2]}[damage])
    with pytest.raises(CheckpointError, match=r"last\.ckpt"):
        read_checkpoint(path)
    assert capsys.readouterr().out == ""


def test_an_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "last.ckpt")
