import numpy as np
import pytest

from pointlora.data import open_dataset
from pointlora.data.datasets.mixed import MixedDataset
from pointlora.errors import DataError


@pytest.fixture
def corpus(tmp_path):
    np.savez(tmp_path / "corpus.npz", points=np.arange(4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3))
    return open_dataset("npz", tmp_path / "corpus.npz", "train", cache="off")


@pytest.fixture
def shapes():
    return open_dataset("procedural", None, "train", train_size=8, num_points=32, categories=["chair", "mug"])


def test_both_take_turns_in_proportion(shapes, corpus):
    mixed = MixedDataset(shapes, corpus, 0.4, 20)
    assert len(mixed) == 20
    assert (mixed.labels == -1).sum() == 8
    # 12 clouds of the main set of 8, and 8 of the corpus of 4: each starts again from its beginning.
    for index, (part, item) in enumerate(mixed.part(index) for index in range(20)):
        assert mixed.labels[index] == (-1 if part is corpus else shapes.labels[item])
        np.testing.assert_array_equal(mixed.cloud(index), part.cloud(item))
        assert mixed.sources[index] == part.sources[item]
    items = [mixed.part(index) for index in range(20)]
    assert [item for part, item in items if part is corpus] == [0, 1, 2, 3] * 2
    assert [item for part, item in items if part is shapes] == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3]
    assert max(np.diff(np.flatnonzero(mixed.labels == -1))) <= 3


def test_a_share_of_one_is_the_corpus_alone(shapes, corpus):
    assert (MixedDataset(shapes, corpus, 1.0, 6).labels == -1).all()


def test_it_names_its_parts(shapes, corpus):
    mixed = MixedDataset(shapes, corpus, 0.5, 6)
    assert list(mixed.parts()) == [shapes, corpus]
    assert mixed.class_names == ("chair", "mug")
    assert mixed.name == "procedural + npz"
    assert list(shapes.parts()) == [shapes]


def test_an_empty_part(shapes, corpus):
    with pytest.raises(DataError, match="npz: the train split is empty"):
        MixedDataset(shapes, corpus.subset([]), 0.5, 6)
