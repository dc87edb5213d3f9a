"""The data of a finished run, opened again."""

import pytest
import yaml

from pointlora.training.run_data import evenly_spread, open_run_data
from training_runs import tiny_recipe


def opened(folder, **training):
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(tiny_recipe(folder, **training)))
    return open_run_data(folder)


@pytest.mark.parametrize(
    ("training", "name", "count", "why"),
    [
        ({"protocol": "validation"}, "validation split", None, ""),
        ({"protocol": "paper"}, "test set", 12, ""),
        ({"protocol": "last"}, "test set", 12, "with the protocol last all others were trained on"),
        ({"protocol": "k_fold", "folds": 3}, "test set", 12, "with the protocol k_fold all others were trained on"),
        ({"protocol": "k_fold", "folds": 3, "fold": 1, "measure_test": False}, "held-out fold", 12, ""),
    ],
)
def test_the_clouds_held_out_and_what_is_said_of_them(tmp_path, training, name, count, why):
    data = opened(tmp_path / "run", **training)
    assert data.held_out_name == name
    assert count is None or len(data.held_out) == count
    assert data.held_out_note == f"{len(data.held_out)} clouds" + (f"; {why}" if why else "")
    trained_on = {cloud.tobytes() for cloud, _ in evenly_spread(data.splits.train, 99)}
    assert not trained_on & {cloud.tobytes() for cloud, _ in evenly_spread(data.held_out, 99)}


def test_an_adapter_alone_has_no_data(tmp_path):
    assert open_run_data(tmp_path) is None
