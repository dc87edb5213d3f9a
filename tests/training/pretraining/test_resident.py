import numpy as np
import pytest
import torch

from pointlora.data.datasets import open_dataset
from pointlora.training.pretraining.resident import NumberedBatch, ResidentClouds, read_ahead, resident_loader

SIZE = 24


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((SIZE, 64, 3)).astype(np.float16)
    corpus = np.zeros((5, 64, 3), np.float16)
    corpus[:, :, 2] = np.linspace(-1, 1, 64)
    labels = np.arange(SIZE).astype(np.int16)
    return ResidentClouds(points, labels, corpus, 0.25, 48, 16, (9, 3), "z", seed=7)


def test_a_batch_is_a_function_of_its_key(clouds):
    index = torch.arange(8)
    first, again, other = (clouds.batch(NumberedBatch(index, key)) for key in ((2, 0), (2, 0), (3, 0)))
    assert torch.equal(first.points, again.points)
    assert torch.equal(first.view.points, again.view.points)
    assert torch.equal(first.mask, again.mask)
    assert not torch.equal(first.points, other.points)
    assert not torch.equal(first.mask, other.mask)
    assert first.points.shape == first.view.points.shape == (8, 48, 3)
    assert first.mask.sum(1).tolist() == [9] * 8
    assert first.view.mask.sum(1).tolist() == [3] * 8
    assert first.view.num_masked == 3


def test_a_share_comes_from_the_corpus_and_has_no_label(clouds):
    batch = clouds.batch(NumberedBatch(torch.arange(8), (0, 0)))
    assert batch.labels.tolist() == [-1, -1, 2, 3, 4, 5, 6, 7]
    # The corpus holds upright lines, which the first view leaves upright.
    spread = batch.points.std(1)[:, :2].amax(1)
    assert (spread[:2] < 0.02).all()
    assert (spread[2:] > 0.1).all()


def test_epochs_take_every_cloud_once(clouds):
    loader = resident_loader(clouds, samples_per_epoch=12, batch_size=4, seed=1)
    seen = []
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        batches = list(loader)
        assert len(batches) == len(loader) == 3
        assert batches[0].key == (epoch, int(batches[0].index[0]))
        seen += [int(number) for batch in batches for number in batch.index]
    assert sorted(seen) == list(range(SIZE))


def test_a_data_set_is_read_ahead_into_the_unit_sphere(tmp_path):
    points = np.random.default_rng(1).standard_normal((3, 40, 3), dtype=np.float32) * 7 + 3
    np.savez(tmp_path / "some.npz", points=points)
    read = read_ahead(open_dataset("npz", tmp_path / "some.npz", "train"), 50, seed=0)
    assert read.shape == (3, 50, 3)
    assert read.dtype == np.float16
    radii = np.linalg.norm(read.astype(np.float64), axis=2).max(1)
    np.testing.assert_allclose(radii, 1, atol=2e-3)
    assert all(len(np.unique(cloud, axis=0)) == 40 for cloud in read), "all 40 points, ten of them twice"
