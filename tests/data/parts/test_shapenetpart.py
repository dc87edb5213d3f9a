import json

import numpy as np
import pytest

from dataset_layouts import one_line
from part_samples import labelled_cloud, write_shapenetpart, write_text
from pointlora.data.parts import open_part_dataset
from pointlora.data.parts.shapenetpart import shapenetpart_space
from pointlora.errors import ConfigError, DataError


def test_the_published_parts_of_each_category():
    space = shapenetpart_space()
    assert (space.num_parts, space.num_categories) == (50, 16)
    ranges = {name: (parts[0], parts[-1]) for name, parts in zip(space.categories, space.parts_of, strict=True)}
    assert ranges["Airplane"] == (0, 3)
    assert ranges["Earphone"] == (16, 18)
    assert ranges["Motorbike"] == (30, 35)
    assert ranges["Rocket"] == (41, 43)
    assert ranges["Table"] == (47, 49)
    assert sorted(part for parts in space.parts_of for part in parts) == list(range(50))


@pytest.mark.parametrize("cache", ["off", "cache"])
def test_splits_labels_and_clouds(tmp_path, cache):
    root = write_shapenetpart(tmp_path / "data")
    cache = cache if cache == "off" else str(tmp_path / cache)
    sizes = {}
    for split in ("train", "validation", "trainval", "test", "all"):
        dataset = open_part_dataset("shapenetpart", root, split, cache=cache)
        sizes[split] = len(dataset)
        assert dataset.split == split
    assert sizes == {"train": 6, "validation": 4, "trainval": 10, "test": 4, "all": 14}
    dataset = open_part_dataset("shapenetpart", root, "train", cache=cache)
    assert dataset.labels.tolist() == [0, 0, 0, 9, 9, 9]
    points, parts = dataset.labelled_cloud(4)
    expected = labelled_cloud(81, (28, 29), seed=1)
    np.testing.assert_allclose(points, expected[0], atol=1e-6)
    assert parts.tolist() == expected[1].tolist()
    assert dataset.sources[4].endswith("03642806/train1.txt")


def test_all_splits_share_one_cache(tmp_path):
    root = write_shapenetpart(tmp_path / "data")
    for split in ("train", "test"):
        open_part_dataset("shapenetpart", root, split, cache=str(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").glob("*.clouds"))) == 1


def test_the_archives_own_folder_is_found(tmp_path):
    write_shapenetpart(tmp_path / "shapenetcore_partanno_segmentation_benchmark_v0_normal")
    assert len(open_part_dataset("shapenetpart", tmp_path, "test")) == 4


def test_what_is_missing_or_damaged_is_named(tmp_path):
    root = write_shapenetpart(tmp_path / "data")
    with pytest.raises(DataError) as error:
        open_part_dataset("shapenetpart", tmp_path, "train")
    one_line(error.value, "synsetoffset2category.txt: no such file", "x y z nx ny nz part")
    with pytest.raises(ConfigError, match="did you mean 'trainval'"):
        open_part_dataset("shapenetpart", root, "train_val")
    listed = root / "train_test_split" / "shuffled_val_file_list.json"
    for content, message in (
        ("{", "cannot be read as a JSON list"),
        ("[]", "no list of shapes"),
        ('["a"]', "isn't the path of a shape"),
        ('["shape_data/../x"]', "isn't the path of a shape"),
        (json.dumps(["shape_data/0269115/x"]), "did you mean '02691156'"),
    ):
        listed.write_text(content, encoding="utf-8")
        with pytest.raises(DataError) as error:
            open_part_dataset("shapenetpart", root, "train")
        one_line(error.value, message, "shuffled_val")
    listed.unlink()
    with pytest.raises(DataError, match="shuffled_val_file_list.json: no such file"):
        open_part_dataset("shapenetpart", root, "train")
    (root / "synsetoffset2category.txt").write_text("Airplain\t02691156\n", encoding="utf-8")
    with pytest.raises(DataError, match="did you mean 'Airplane'"):
        open_part_dataset("shapenetpart", root, "train")


def test_a_label_of_another_category_is_named(tmp_path):
    root = write_shapenetpart(tmp_path / "data")
    points, labels = labelled_cloud(30, (0, 1))
    labels[7] = 28
    write_text(root / "02691156" / "train1.txt", points, labels)
    dataset = open_part_dataset("shapenetpart", root, "train")
    with pytest.raises(DataError) as error:
        dataset.labelled_cloud(1)
    one_line(error.value, "train1.txt: point 7 has label 28; the parts of Airplane are 0, 1, 2, 3")
