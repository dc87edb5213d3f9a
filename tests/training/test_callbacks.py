"""The history of a run, across interruptions."""

from types import SimpleNamespace
from typing import ClassVar

import pytest

from pointlora.training import callbacks
from pointlora.training.base_module import TrainedModule
from pointlora.training.callbacks import History


class FakeModule(TrainedModule):
    """What an epoch leaves, without training."""

    selection: ClassVar = {"accuracy": 0.5}
    epoch_lr = 0.1
    device = SimpleNamespace(type="cpu")

    def __init__(self):
        pass

    def take_mean_losses(self):
        return {"train_loss": 1.0}, 4


class FakeFolder:
    def write_history(self, rows):
        pass


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    time = SimpleNamespace(now=100.0)
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: time.now)
    return time


def trainer(epoch):
    return SimpleNamespace(current_epoch=epoch, is_global_zero=True, loggers=[], max_epochs=2)


def end_epoch(history, clock, epoch, training, validation):
    clock.now += training
    history.on_validation_start(trainer(epoch), FakeModule())
    clock.now += validation
    history.on_train_epoch_end(trainer(epoch), FakeModule())


def new_history():
    return History(FakeFolder(), None, lines=False)


def test_times_go_on_where_a_killed_run_was(clock):
    first = new_history()
    first.before_epochs = 7.0
    first.on_train_start(trainer(0), FakeModule())
    first.on_train_epoch_start(trainer(0), FakeModule())
    end_epoch(first, clock, 0, 4, 1)
    first.on_train_epoch_start(trainer(1), FakeModule())
    clock.now += 3
    state = first.state_dict()
    # Killed; an hour later another process goes on within the epoch, whose start Lightning doesn't tell again.
    clock.now += 3600
    second = new_history()
    second.load_state_dict(state)
    second.on_train_start(trainer(1), FakeModule())
    end_epoch(second, clock, 1, 2, 1)
    assert [(row["seconds"], row["train_seconds"]) for row in second.rows] == [(5, 4), (6, 5)]
    assert second.seconds == 7 + 5 + 6
    assert second.seconds_per_step == (5 + 6) / 8
    # The next epoch begins from nothing.
    second.on_train_epoch_start(trainer(2), FakeModule())
    end_epoch(second, clock, 2, 1, 0)
    assert second.rows[-1]["train_seconds"] == 1


def test_memory_before_an_interruption_is_kept():
    first = new_history()
    state = first.state_dict()
    assert state["memory"]["peak_memory_mib"] > 10
    second = new_history()
    second.load_state_dict({**state, "memory": {"peak_memory_mib": 1e9}})
    assert second.state_dict()["memory"]["peak_memory_mib"] == 1e9
    # A checkpoint of an earlier release.
    second.load_state_dict({"rows": [{"seconds": 2}]})
    assert (second.memory, second.seconds) == ({}, 2)
