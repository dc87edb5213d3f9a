import numpy as np
import pytest
import torch

from pointlora.data.datasets import open_dataset
from pointlora.data.transforms import TransformConfig
from pointlora.errors import ConfigError
from pointlora.models.create import create_model
from pointlora.training.data import Splits
from pointlora.training.probe import PENALTIES, cloud_features, linear_probe
from training_runs import SIZES


def dataset(folder, name, count, seed):
    """Balls and rods: nothing is easier to tell apart."""
    random = np.random.default_rng(seed)
    points = random.standard_normal((count, 96, 3)).astype(np.float32)
    labels = np.arange(count) % 2
    points[labels == 1] *= np.array([1, 0.05, 0.05], np.float32)
    np.savez(folder / f"{name}.npz", points=points, labels=labels, classes=np.array(["ball", "rod"]))
    return open_dataset("npz", folder / f"{name}.npz", "train", cache="off", test_fraction=0.0)


def model():
    torch.manual_seed(0)
    return create_model("point_mae", num_classes=2, **SIZES)


def test_it_separates_what_the_features_separate(tmp_path):
    splits = Splits(*(dataset(tmp_path, name, 24, seed) for seed, name in enumerate(("train", "validation", "test"))))
    transform = TransformConfig(num_points=96)
    result = linear_probe(model(), splits, transform, batch_size=8)
    assert result.test.accuracy > 0.95
    assert result.selection.accuracy > 0.95
    assert result.penalty in PENALTIES
    assert result.dimension == 3 * SIZES["embed_dim"]
    assert linear_probe(model(), splits, transform, batch_size=8).as_dict() == result.as_dict()


def test_labels_that_mean_nothing_cannot_be_learned(tmp_path):
    splits = Splits(*(dataset(tmp_path, name, 40, seed) for seed, name in enumerate(("train", "validation", "test"))))
    for part in (splits.train, splits.selection, splits.reported):
        part.labels[:] = np.random.default_rng(7).permutation(part.labels)
    splits.reported.labels[:] = 1 - splits.reported.labels[::-1]
    assert 0.2 < linear_probe(model(), splits, TransformConfig(num_points=96)).test.accuracy < 0.8


def test_features_do_not_depend_on_the_batch(tmp_path):
    clouds, transform = dataset(tmp_path, "train", 10, 0), TransformConfig(num_points=96)
    whole, single = (cloud_features(model(), clouds, transform, size) for size in (10, 1))
    assert whole.shape == (10, 3 * SIZES["embed_dim"])
    torch.testing.assert_close(whole, single, atol=1e-5, rtol=1e-4)


def test_without_a_selection_split_there_is_nothing_to_choose_on(tmp_path):
    train = dataset(tmp_path, "train", 10, 0)
    with pytest.raises(ConfigError, match="validation or paper"):
        linear_probe(model(), Splits(train, None, train), TransformConfig(num_points=96))
