import numpy as np
import pytest

from dataset_layouts import MemoryDataset
from pointlora.data.checking import check_clouds, checked_cloud
from pointlora.data.datasets import open_dataset
from pointlora.errors import DataError


def clouds(*sizes: int) -> MemoryDataset:
    return MemoryDataset([np.ones((size, 3), np.float32) for size in sizes], [0] * len(sizes))


def test_good_clouds_pass_and_come_back():
    check_clouds([clouds(8, 9), clouds(10)], min_points=8)
    assert checked_cloud(clouds(8, 9), 1, 8).shape == (9, 3)


def test_the_first_bad_cloud_of_any_split_is_named():
    with pytest.raises(DataError, match=r"\[1\].*has 7 points; at least 8 are needed"):
        check_clouds([clouds(8), clouds(8, 7)], min_points=8)
    bad = clouds(8, 8)
    bad.cloud(1)[3, 2] = np.nan
    with pytest.raises(DataError, match="NaN or infinite"):
        check_clouds([bad])


def test_generated_clouds_are_not_made_for_a_check(monkeypatch):
    dataset = open_dataset("procedural", split="train")
    assert dataset.generated
    assert dataset.subset([3]).generated
    monkeypatch.setattr(type(dataset), "cloud", lambda self, index: pytest.fail("was made"))
    check_clouds([dataset, dataset.subset([1, 2])])
