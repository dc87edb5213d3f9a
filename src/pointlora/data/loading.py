"""Loaders: batches in an order and with draws that depend on seeds alone, whatever the number of worker processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from pointlora.checks import check_integer
from pointlora.data.batches import ClassificationBatch, ClassificationLoaderDataset
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.sampling import EpochBatchSampler, Key
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.errors import PointLoraError
from pointlora.parent import end_with_parent

__all__ = ["ClassificationBatch", "ClassificationLoaderDataset", "PointLoader", "make_loader", "voting_batches"]


class BatchedDataset(Protocol):
    """Samples that are asked for by whole batches."""

    def __len__(self) -> int: ...

    def __getitems__(self, keys: Sequence[Key], /) -> Any: ...


class PointLoader(DataLoader):
    """A DataLoader that asks its sampler at the first batch, resumes in mid-epoch, and keeps errors on one line.

    Made by `make_loader`. `state_dict` and `load_state_dict` are what Lightning stores in a checkpoint.
    """

    _position: tuple[int, int] = (0, 0)  # epoch, batches given out

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # A generator: workers start at the first `next`, hence after Lightning has set the epoch, which it does between
        # making the iterator and using it.
        sampler: EpochBatchSampler = self.batch_sampler  # type: ignore[assignment]
        given = sampler.first_batch()
        epoch = sampler.epoch
        iterator = super().__iter__()
        for batch in iterator:
            if isinstance(batch, PointLoraError):
                self._stop_workers(iterator)
                raise batch
            given += 1
            self._position = (epoch, given)
            yield batch

    def _stop_workers(self, iterator: Any) -> None:
        """Stop the workers at once; torch takes 5 seconds per worker when an exception unwinds the loader."""
        stop = getattr(iterator, "_shutdown_workers", None)
        if stop is not None:
            stop()
            self._iterator = None

    def state_dict(self) -> dict[str, int]:
        """The epoch and how many of its batches have been given out."""
        return {"epoch": self._position[0], "batch": self._position[1]}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a `state_dict`: the batches given out are left out when its epoch is iterated next."""
        self.batch_sampler.resume(state["batch"], state["epoch"])  # type: ignore[union-attr]
        self._position = (state["epoch"], state["batch"])


class _ErrorsAsBatches(Dataset[Any]):
    """Hands errors over as values: torch would wrap one that crosses processes in a traceback of many lines."""

    def __init__(self, inner: BatchedDataset) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitems__(self, keys: Sequence[Key]) -> Any:
        try:
            return self.inner.__getitems__(keys)
        except PointLoraError as error:
            return error


def _identity(batch: Any) -> Any:
    return batch


def _start_worker(worker: int) -> None:
    end_with_parent()


def make_loader(
    dataset: PointCloudDataset,
    transform: PointTransform | TransformConfig,
    batch_size: int,
    *,
    seed: int = 0,
    train: bool = True,
    shuffle: bool | None = None,
    drop_last: bool = False,
    workers: int = 0,
    min_points: int = 1,
    rank: int = 0,
    world_size: int = 1,
    start_batch: int = 0,
    pin_memory: bool = False,
    pending: bool = False,
    balance: NDArray[np.int64] | None = None,
) -> PointLoader:
    """A DataLoader of `ClassificationBatch`es, the same for any number of workers.

    The epoch is chosen with `loader.batch_sampler.set_epoch(epoch)` before iterating (Lightning does so).

    Args:
        dataset: where the clouds come from.
        transform: a ready transform, or its configuration, to be used with `train` and `seed`.
        batch_size: clouds per batch and process.
        seed: chooses the orders and, with a configuration, the random draws.
        train: random subset and augmentations (ignored with a ready transform).
        shuffle: a new order each epoch; None is the same as training.
        drop_last: leave out a last batch that isn't full.
        workers: processes that load; 0 loads in this one.
        min_points: fewest points a cloud may have.
        rank, world_size: this process's share, see `EpochBatchSampler`.
        start_batch: batches to leave out of the first epoch.
        pin_memory: for copies to a GPU.
        pending: leave resampling and augmentation to the model's device, see `ClassificationLoaderDataset`.
        balance: see `EpochBatchSampler`.

    Raises:
        ConfigError: for sizes that make no sense.
    """
    if isinstance(transform, TransformConfig):
        transform = PointTransform(transform, train=train, seed=seed)
    sampler = EpochBatchSampler(
        len(dataset),
        batch_size,
        seed=seed,
        shuffle=transform.train if shuffle is None else shuffle,
        drop_last=drop_last,
        rank=rank,
        world_size=world_size,
        start_batch=start_batch,
        blocks=dataset.blocks(),
        balance=balance,
    )
    inner = ClassificationLoaderDataset(dataset, transform, min_points, pending)
    return loader_over(inner, sampler, workers=workers, pin_memory=pin_memory)


def loader_over(
    inner: BatchedDataset, sampler: EpochBatchSampler, *, workers: int = 0, pin_memory: bool = False
) -> PointLoader:
    """A loader of whatever `inner` makes of the keys of a batch.

    Args:
        inner: its `__getitems__` takes a batch's (epoch, index) keys and returns the batch.
        sampler: chooses the keys.
        workers: processes that load; 0 loads in this one.
        pin_memory: for copies to a GPU.

    Raises:
        ConfigError: for fewer than 0 workers.
    """
    check_integer("workers", workers, 0)
    return PointLoader(
        _ErrorsAsBatches(inner),
        batch_sampler=sampler,  # type: ignore[arg-type]
        collate_fn=_identity,
        worker_init_fn=_start_worker,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin_memory,
    )


def voting_batches(
    dataset: PointCloudDataset,
    config: TransformConfig,
    batch_size: int,
    votes: int,
    *,
    seed: int = 0,
    workers: int = 0,
    min_points: int = 1,
    pending: bool = False,
) -> Iterator[tuple[int, ClassificationBatch]]:
    """Each cloud `votes` times, every time another random subset and augmentation; average the logits by `index`.

    Vote v of cloud i is a function of (seed, v, i), at any number of points.

    Yields:
        (vote, batch), all batches of vote 0 first, in the order of the data set.
    """
    check_integer("votes", votes, 1)
    loader = make_loader(
        dataset,
        PointTransform(config, train=True, seed=seed),
        batch_size,
        seed=seed,
        shuffle=False,
        workers=workers,
        min_points=min_points,
        pending=pending,
    )
    for vote in range(votes):
        loader.batch_sampler.set_epoch(vote)  # type: ignore[union-attr]
        for batch in loader:
            yield vote, batch
