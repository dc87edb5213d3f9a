"""Loaders: bit-equal batches for any number of workers, resuming, voting, and errors that stay on one line."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_layouts import MemoryDataset, clouds, one_line, write_class_folders, write_cloud
from pointlora.data import open_dataset
from pointlora.data.augmentations import AUGMENTATIONS
from pointlora.data.loading import ClassificationLoaderDataset, PointLoader, make_loader, voting_batches
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.errors import ConfigError, DataError

CONFIG = TransformConfig(32, augmentations=tuple(AUGMENTATIONS))


def ragged(count: int = 11) -> MemoryDataset:
    return MemoryDataset(
        [clouds(1, 20 + 7 * number, seed=number)[0] for number in range(count)], np.arange(count) % 3, 3
    )


def epoch_of(loader: PointLoader, epoch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
    batches = list(loader)
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))  # type: ignore[return-value]


def test_a_batch() -> None:
    points, labels, index = next(iter(make_loader(ragged(), CONFIG, 4, train=False)))
    assert (points.shape, points.dtype) == ((4, 32, 3), torch.float32)
    assert labels.tolist() == [0, 1, 2, 0]
    assert index.tolist() == [0, 1, 2, 3]
    expected = PointTransform(CONFIG, train=False)([ragged().cloud(number) for number in range(4)], [(0, 0)] * 4)
    assert torch.equal(points, torch.from_numpy(expected))


def test_samples_are_bit_equal_for_any_workers_and_batch_size() -> None:
    reference: dict[int, dict[int, torch.Tensor]] = {}
    for workers, batch_size in ((0, 4), (2, 4), (0, 11), (0, 1)):
        loader = make_loader(ragged(), CONFIG, batch_size, seed=3, workers=workers)
        for epoch in (0, 1, 0):
            points, labels, index = epoch_of(loader, epoch)
            assert torch.equal(labels, index % 3)
            assert sorted(index.tolist()) == list(range(11))
            by_index = dict(zip(index.tolist(), points, strict=True))
            expected = reference.setdefault(epoch, by_index)
            assert all(torch.equal(by_index[number], expected[number]) for number in range(11))
    assert not torch.equal(reference[0][5], reference[1][5])


def test_order_is_the_same_for_any_workers() -> None:
    orders = [epoch_of(make_loader(ragged(), CONFIG, 4, seed=3, workers=workers), 2)[2] for workers in (0, 2)]
    assert torch.equal(orders[0], orders[1])
    assert orders[0].tolist() != sorted(orders[0].tolist())


def test_epoch_is_read_at_the_first_batch() -> None:
    # Lightning makes an epoch's iterator first and sets the epoch then.
    loader = make_loader(ragged(), CONFIG, 4, seed=3, workers=2)
    iterator = iter(loader)
    loader.batch_sampler.sampler.set_epoch(5)  # type: ignore[union-attr]
    first = next(iterator)
    del iterator
    assert torch.equal(first.points, epoch_of(make_loader(ragged(), CONFIG, 4, seed=3), 5)[0][:4])


@pytest.mark.parametrize("workers", [0, 2])
def test_state_resumes_in_mid_epoch(workers: int) -> None:
    whole = epoch_of(make_loader(ragged(), CONFIG, 3, seed=3), 4)
    interrupted = make_loader(ragged(), CONFIG, 3, seed=3, workers=workers)
    interrupted.batch_sampler.set_epoch(4)  # type: ignore[union-attr]
    iterator = iter(interrupted)
    next(iterator), next(iterator)
    state = interrupted.state_dict()
    assert state == {"epoch": 4, "batch": 2}
    resumed = make_loader(ragged(), CONFIG, 3, seed=3, workers=workers)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    rest = epoch_of(resumed, 4)
    assert all(torch.equal(part, all_of_it[6:]) for part, all_of_it in zip(rest, whole, strict=True))
    assert resumed.state_dict() == {"epoch": 4, "batch": 4}
    assert len(epoch_of(resumed, 5)[2]) == 11
    assert resumed.state_dict() == {"epoch": 5, "batch": 4}


def test_start_batch_and_drop_last() -> None:
    loader = make_loader(ragged(), CONFIG, 4, seed=3, drop_last=True, start_batch=1)
    assert len(loader) == 2
    assert len(epoch_of(loader, 0)[2]) == 4
    assert len(epoch_of(loader, 0)[2]) == 8


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_stay_on_one_line(tmp_path: Path, workers: int) -> None:
    write_class_folders(tmp_path, {"bolt": 3}, size=40)
    small = write_cloud(tmp_path / "bolt" / "small.txt", clouds(1, 5)[0])
    dataset = open_dataset("folder", tmp_path, "all")
    with pytest.raises(DataError) as error:
        list(make_loader(dataset, CONFIG, 2, workers=workers, min_points=32))
    one_line(error.value, small, "has 5 points; at least 32 are needed")
    small.write_text("1 2 x\n")
    with pytest.raises(DataError) as error:
        list(make_loader(dataset, CONFIG, 2, workers=workers))
    one_line(error.value, small)


def test_a_loader_can_be_used_again_after_an_error() -> None:
    points = [clouds(1, size)[0] for size in (40, 5, 40)]
    loader = make_loader(MemoryDataset(points), CONFIG, 1, train=False, workers=2, min_points=32)
    start = time.monotonic()
    for _ in range(2):
        with pytest.raises(DataError, match=r"memory\[1\]"):
            list(loader)
    # The workers are stopped rather than waited for, which takes torch 5 seconds each.
    assert time.monotonic() - start < 5


def test_nan_clouds() -> None:
    points = clouds(3, 40)
    points[1, 7, 2] = np.nan
    with pytest.raises(DataError) as error:
        list(make_loader(MemoryDataset(list(points)), CONFIG, 3))
    one_line(error.value, "memory[1]", "NaN")


def test_the_torch_data_set_by_itself() -> None:
    dataset = ClassificationLoaderDataset(ragged(), PointTransform(CONFIG, seed=3))
    assert len(dataset) == 11
    batch = dataset.__getitems__([(1, 4), (1, 9)])
    assert torch.equal(batch.points[1:], dataset[(1, 9)].points)
    assert batch.labels.tolist() == [1, 0]


def test_unlabelled_clouds_have_label_minus_one() -> None:
    dataset = MemoryDataset(list(clouds(4, 40)), [-1] * 4)
    assert next(iter(make_loader(dataset, CONFIG, 4))).labels.tolist() == [-1] * 4


@pytest.mark.parametrize("num_points", [16, 32, 60])
def test_votes(num_points: int) -> None:
    dataset = MemoryDataset(list(clouds(5, 32)), [0] * 5)
    config = TransformConfig(num_points)
    votes: dict[int, list[torch.Tensor]] = {}
    for vote, batch in voting_batches(dataset, config, 2, 3, seed=1):
        votes.setdefault(vote, []).append(batch.points)
        assert batch.points.shape[1:] == (num_points, 3)
    drawn = [torch.cat(votes[vote]) for vote in range(3)]
    assert [len(points) for points in drawn] == [5, 5, 5]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.equal(drawn[one], drawn[other])
    expected = PointTransform(config, seed=1)([dataset.cloud(3)], [(2, 3)])
    assert torch.equal(drawn[2][3], torch.from_numpy(expected[0]))
    fewer = [batch.points for vote, batch in voting_batches(dataset, config, 5, 1, seed=1)]
    assert torch.equal(fewer[0], drawn[0])


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match="workers is -1, but it must be an integer of at least 0"):
        make_loader(ragged(), CONFIG, 4, workers=-1)
    with pytest.raises(ConfigError, match="batch_size is 0, but it must be an integer of at least 1"):
        make_loader(ragged(), CONFIG, 0)
    with pytest.raises(ConfigError, match="votes is 0, but it must be an integer of at least 1"):
        list(voting_batches(ragged(), CONFIG, 4, 0))
