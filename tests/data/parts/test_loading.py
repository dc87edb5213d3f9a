import numpy as np
import pytest
import torch

from part_samples import write_part_folder
from pointlora.data.parts import make_part_loader, open_part_dataset
from pointlora.data.parts.loading import part_voting_batches
from pointlora.data.transforms import TransformConfig
from pointlora.errors import DataError

CONFIG = TransformConfig(32, augmentations=("uniform_scale", "translate"))


@pytest.fixture
def dataset():
    return open_part_dataset("procedural", num_points=50, train_size=10)


def test_training_batches_hold_what_the_network_sees(dataset):
    loader = make_part_loader(dataset, CONFIG, 4, seed=1, drop_last=True)
    batches = list(loader)
    assert [batch.points.shape for batch in batches] == [(4, 32, 3)] * 2
    for batch in batches:
        assert batch.queries is None
        assert batch.parts.shape == (4, 32)
        assert torch.equal(batch.category, torch.from_numpy(dataset.labels)[batch.index])


def test_evaluation_batches_hold_every_point_in_order(dataset):
    for start, batch in zip((0, 4, 8), make_part_loader(dataset, CONFIG, 4, train=False), strict=True):
        assert batch.index.tolist() == list(range(start, min(start + 4, 10)))
        assert batch.queries.shape == (len(batch.index), 50, 3)
        for row, index in enumerate(batch.index.tolist()):
            assert np.array_equal(batch.parts[row].numpy(), dataset.labelled_cloud(index)[1])


@pytest.mark.parametrize("train", [True, False])
def test_batches_are_the_same_for_any_number_of_workers(dataset, train):
    def tensors(workers):
        loader = make_part_loader(dataset, CONFIG, 4, seed=1, train=train, workers=workers)
        return [tensor for batch in loader for tensor in batch if tensor is not None]

    for alone, together in zip(tensors(0), tensors(2), strict=True):
        assert torch.equal(alone, together)


def test_votes_differ_and_repeat(dataset):
    first = list(part_voting_batches(dataset, CONFIG, 5, 2, seed=3))
    again = list(part_voting_batches(dataset, CONFIG, 5, 2, seed=3))
    assert [batch.index.tolist() for batch in first] == [[0, 1, 2, 3, 4]] * 2 + [[5, 6, 7, 8, 9]] * 2
    assert all(torch.equal(a.queries, b.queries) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].queries, first[1].queries)
    assert torch.equal(first[0].parts, first[1].parts)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_changed_for_the_worse_is_named(tmp_path, workers):
    root = write_part_folder(tmp_path)
    dataset = open_part_dataset("folder", root, "train")
    points = np.zeros((20, 3), np.float32)
    np.savez(dataset.sources[0], points=points, labels=np.full(20, 9))
    with pytest.raises(DataError, match=r"cloud\d\.npz: point 0 has label 9; the parts are 0, 1, 2"):
        list(make_part_loader(dataset, CONFIG, 2, workers=workers))
