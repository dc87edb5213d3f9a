import numpy as np
import pytest

from dataset_layouts import one_line
from part_samples import labelled_cloud, write_npz, write_part_folder, write_text
from pointlora.data.parts import open_part_dataset
from pointlora.errors import ConfigError, DataError

CATEGORIES = {"chair": (0, 1, 2), "lamp": (3, 4)}


def test_categories_are_folders_and_their_parts_are_what_occurs(tmp_path):
    write_part_folder(tmp_path, CATEGORIES)
    train, test = (open_part_dataset("folder", tmp_path, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (8, 2)
    assert not set(train.sources) & set(test.sources)
    assert train.space == test.space
    assert train.space.categories == ("chair", "lamp")
    assert train.space.parts_of == ((0, 1, 2), (3, 4))
    assert train.space.part_names[:2] == ("part 0", "part 1")
    assert train.labels.tolist() == [0] * 4 + [1] * 4
    assert test.labels.tolist() == [0, 1]


def test_without_categories(tmp_path):
    write_part_folder(tmp_path)
    dataset = open_part_dataset("folder", tmp_path, "train", part_names=["low", "middle", "high"])
    assert (len(dataset), dataset.space.num_categories, dataset.class_names) == (5, 0, ("all",))
    assert dataset.space.part_names == ("low", "middle", "high")
    assert dataset.labels.tolist() == [0] * 5


@pytest.mark.parametrize("categories", [None, CATEGORIES])
@pytest.mark.parametrize("validation", ["val", "validation"])
def test_split_folders(tmp_path, categories, validation):
    for name in ("train", validation, "test"):
        write_part_folder(tmp_path / name, categories)
    dataset = open_part_dataset("folder", tmp_path, "validation", cache=str(tmp_path / "cache"))
    assert all(f"/{validation}/" in source for source in dataset.sources)
    assert len(dataset) == (10 if categories else 6)
    assert len(open_part_dataset("folder", tmp_path, "all")) == 3 * len(dataset)


def test_a_part_that_only_the_test_files_have_is_a_part(tmp_path):
    write_part_folder(tmp_path / "train", CATEGORIES)
    write_part_folder(tmp_path / "test", {"chair": (0, 1, 2, 7), "lamp": (3, 4)})
    space = open_part_dataset("folder", tmp_path, "train").space
    assert [[space.numbers[part] for part in parts] for parts in space.parts_of] == [[0, 1, 2, 7], [3, 4]]
    assert space.numbers == (0, 1, 2, 3, 4, 7)


def test_labels_of_every_format(tmp_path):
    points, labels = labelled_cloud(40, (0, 1))
    write_text(tmp_path / "seven.txt", points, labels)
    np.savetxt(tmp_path / "four.txt", np.column_stack([points, labels]))
    np.savetxt(tmp_path / "four.xyz", np.column_stack([points, labels]), delimiter=",")
    np.save(tmp_path / "table.npy", np.column_stack([points, labels]))
    np.savez(tmp_path / "plural.npz", points=points, labels=labels)
    np.savez(tmp_path / "singular.npz", points=points, label=labels)
    for name, kind in (("label", "uchar"), ("labels", "int"), ("label", "float")):
        header = "ply\nformat ascii 1.0\nelement vertex 40\nproperty float x\nproperty float y\nproperty float z\n"
        rows = [f"{x} {y} {z} {part}" for (x, y, z), part in zip(points, labels, strict=True)]
        text = f"{header}property {kind} {name}\nend_header\n" + "\n".join(rows) + "\n"
        (tmp_path / f"{name}_{kind}.ply").write_text(text, encoding="utf-8")
    dataset = open_part_dataset("folder", tmp_path, "all")
    assert len(dataset) == 9
    for index in range(9):
        found, parts = dataset.labelled_cloud(index)
        np.testing.assert_allclose(found, points, atol=1e-6, err_msg=dataset.sources[index])
        assert parts.tolist() == labels.tolist(), dataset.sources[index]


def bad_arrays(kind):
    points, labels = labelled_cloud(20, (0, 1))
    return {
        "length": {"points": points, "labels": labels[:-1]},
        "negative": {"points": points, "labels": labels - 1},
        "fraction": {"points": points, "labels": labels + 0.5},
        "nan": {"points": points, "labels": np.where(labels == 0, np.nan, 1.0)},
        "huge": {"points": points, "labels": labels + 10**6},
        "none": {"points": points},
        "objects": {"points": points, "labels": labels.astype(object)},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("length", "labels"),
        ("negative", "has label -1; parts are numbered from 0"),
        ("fraction", "labels"),
        ("nan", "labels"),
        ("huge", "parts are numbered from 0 to 65535"),
        ("none", "has no part label"),
        ("objects", "dtype object"),
    ],
)
@pytest.mark.parametrize("cache", ["off", "cache"])
def test_bad_labels_are_refused_naming_the_file(tmp_path, kind, message, cache):
    root = write_part_folder(tmp_path / "data")
    np.savez(root / "wrong.npz", **bad_arrays(kind))
    with pytest.raises(DataError) as error:
        open_part_dataset("folder", root, "train", cache=cache if cache == "off" else str(tmp_path / cache))
    one_line(error.value, "wrong.npz", message)


def test_a_fractional_label_column_of_a_text_file_is_no_label(tmp_path):
    root = write_part_folder(tmp_path)
    points, labels = labelled_cloud(20, (0, 1))
    np.savetxt(root / "wrong.txt", np.column_stack([points, labels + 0.25]))
    with pytest.raises(DataError, match=r"wrong\.txt: has no part label, a whole number"):
        open_part_dataset("folder", root, "train")


def test_labels_beyond_the_given_names(tmp_path):
    root = write_part_folder(tmp_path)
    write_npz(root / "more.npz", *labelled_cloud(20, (0, 5)))
    with pytest.raises(DataError, match=r"more\.npz: has label 5, but there are 3 part names"):
        open_part_dataset("folder", root, "train", part_names=["a", "b", "c"])


def test_layouts_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_part_dataset("folder", tmp_path / "gone", "train")
    with pytest.raises(DataError, match="class folder"):
        open_part_dataset("folder", tmp_path, "train")
    write_part_folder(tmp_path)
    with pytest.raises(ConfigError, match="unknown option of data set 'folder' 'part_name'"):
        open_part_dataset("folder", tmp_path, "train", part_name=["a"])
    with pytest.raises(DataError, match="the test part is empty"):
        open_part_dataset("folder", tmp_path, "test", test_fraction=0.0)
