import os

import pytest

from pointlora import waiting


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.delenv(waiting.SPINS, raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


@pytest.mark.parametrize(("intel", "wanted"), [(True, "1000"), (False, "2500")])
def test_threads_wait_shortly(monkeypatch, intel, wanted):
    monkeypatch.setattr(waiting, "is_intel", lambda: intel)
    waiting.wait_shortly()
    assert os.environ[waiting.SPINS] == wanted


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv(waiting.SPINS, "7")
    waiting.wait_shortly()
    assert os.environ[waiting.SPINS] == "7"
    monkeypatch.delenv(waiting.SPINS)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    waiting.wait_shortly()
    assert waiting.SPINS not in os.environ
