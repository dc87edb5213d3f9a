"""Tests never touch the user's data cache, say of the data what a process of their own would, and share the cores."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is loaded; processes that a test starts inherit it
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def _own_data_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("POINTLORA_CACHE")
    os.environ["POINTLORA_CACHE"] = str(tmp_path_factory.mktemp("data_cache"))
    yield
    if before is None:
        del os.environ["POINTLORA_CACHE"]
    else:
        os.environ["POINTLORA_CACHE"] = before


@pytest.fixture(autouse=True)
def _notices_of_this_test() -> None:
    from pointlora.data import notices

    notices.forget()
