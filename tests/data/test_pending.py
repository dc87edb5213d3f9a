import numpy as np
import pytest
import torch

from dataset_layouts import MemoryDataset
from pointlora.data.augmentations import AUGMENTATIONS
from pointlora.data.batches import ClassificationLoaderDataset
from pointlora.data.pending import PendingPoints, finished, on_device
from pointlora.data.transforms import PointTransform, TransformConfig

KEYS = [(3, 0), (3, 2), (4, 1)]


def dataset(sizes: list[int]) -> MemoryDataset:
    generator = np.random.default_rng(0)
    clouds = [generator.standard_normal((size, 3)).astype(np.float32) for size in sizes]
    return MemoryDataset(clouds, [0, 1, 1], classes=2)


# Clouds of one size that leave FPS something to do or nothing, of too few points, and of several sizes.
@pytest.mark.parametrize("sizes", [[90] * 3, [40] * 3, [20] * 3, [90, 40, 20]])
@pytest.mark.parametrize("oversample", [1.0, 1.25])
@pytest.mark.parametrize("train", [True, False])
def test_batches_finished_later_are_those_of_the_host(sizes: list[int], oversample: float, train: bool) -> None:
    config = TransformConfig(40, oversample=oversample, augmentations=tuple(AUGMENTATIONS))
    transform = PointTransform(config, train=train, seed=7)
    expected = ClassificationLoaderDataset(dataset(sizes), transform).__getitems__(KEYS)
    batch = ClassificationLoaderDataset(dataset(sizes), transform, pending=True).__getitems__(KEYS)
    assert isinstance(batch.points, PendingPoints)
    for points in (finished(batch).points, on_device(batch.points, torch.device("cpu"))):
        assert points.dtype == torch.float32
        assert torch.equal(points, expected.points)
    assert torch.equal(batch.labels, expected.labels)
    assert torch.equal(batch.index, expected.index)


def test_what_isnt_pending_is_left_alone() -> None:
    batch = ClassificationLoaderDataset(dataset([20] * 3), PointTransform(TransformConfig(16))).__getitems__(KEYS)
    assert finished(batch) is batch
    assert torch.equal(on_device(batch.points, torch.device("cpu")), batch.points)
    assert finished([1]) == [1]


def test_sampling_waits_for_the_device_where_all_clouds_have_one_size() -> None:
    def samples(sizes: list[int]) -> int:
        made = ClassificationLoaderDataset(dataset(sizes), PointTransform(TransformConfig(16)), pending=True)
        points = made.__getitems__(KEYS).points
        assert isinstance(points, PendingPoints)
        return points.samples

    assert samples([90] * 3) == 19  # 1.17 times as many
    assert samples([19] * 3) == 0
    assert samples([90, 91, 92]) == 0
