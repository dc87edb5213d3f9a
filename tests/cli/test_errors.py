import errno

import pytest

from pointlora.cli.errors import run_guarded
from pointlora.errors import DataError


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("a\nb"), 2, "a b"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "x.yaml"),
            2,
            "x.yaml: No such file or directory",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 2, "/root/x: Permission denied"),
        (
            OSError(errno.ENOSPC, "No space left on device", "run/last.ckpt"),
            2,
            "run/last.ckpt: No space left on device",
        ),
        (OSError("odd"), 2, "odd"),
        (ModuleNotFoundError("No module named 'h5py'", name="h5py"), 2, "h5py is not installed"),
        (MemoryError(), 2, "batch_size"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_users_errors_are_one_line(error, code, message, capsys):
    def fails():
        raise error

    assert run_guarded(fails) == code
    printed = capsys.readouterr().err
    assert printed.startswith("pointlora: error: ")
    assert message in printed
    assert printed.count("\n") == 1


def test_bugs_are_not_hidden():
    def fails():
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run_guarded(fails)
    with pytest.raises(ModuleNotFoundError):
        run_guarded(lambda: __import__("pointlora.no_such_module"))


def test_success_passes_through(capsys):
    assert run_guarded(lambda: 0) == 0
    assert capsys.readouterr().err == ""
