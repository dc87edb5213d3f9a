import numpy as np
import pytest

from dataset_layouts import one_line
from part_samples import labelled_cloud, write_npz, write_part_folder, write_text
from pointlora.data.notices import forget
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


def write_table(path, columns, header=""):
    np.savetxt(path, np.column_stack(columns), header=header, comments="", fmt="%.6g")
    return path


def test_blue_is_no_label(tmp_path):
    points, labels = labelled_cloud(40, (10, 200))
    color = np.random.default_rng([1]).integers(0, 256, (40, 2))
    write_table(tmp_path / "a.txt", [points, labels + 0.5, color, labels])
    with pytest.raises(DataError) as error:
        open_part_dataset("folder", tmp_path, "all")
    one_line(error.value, "a.txt: has no part label", "data.label_name or data.label_column")
    told = open_part_dataset("folder", tmp_path, "all", label_column=7)
    assert told.space.numbers == (10, 200)
    with pytest.raises(DataError, match=r"a\.txt: label_column is 9, but its table has 7 columns"):
        open_part_dataset("folder", tmp_path, "all", label_column=9)


def test_labels_by_any_name_or_place(tmp_path):
    points, labels = labelled_cloud(40, (2, 5, 6))
    write_table(tmp_path / "a.txt", [points, labels // 2, labels], header="x y z Intensity instance")
    for options in ({"label_name": "instance"}, {"label_name": "INSTANCE"}, {"label_column": 5}):
        dataset = open_part_dataset("folder", tmp_path, "all", **options)
        assert dataset.space.numbers == (2, 5, 6)
        np.testing.assert_array_equal(np.array([2, 5, 6])[dataset.labelled_cloud(0)[1]], labels)
    with pytest.raises(DataError, match="has no part label"):
        open_part_dataset("folder", tmp_path, "all")
    with pytest.raises(DataError, match="'instances'"):
        open_part_dataset("folder", tmp_path, "all", label_name="instances")


def test_a_cache_belongs_to_one_choice_of_labels(tmp_path):
    points, labels = labelled_cloud(40, (2, 5))
    write_table(tmp_path / "a.txt", [points, labels, labels + 1], header="x y z one two")
    for name, numbers in (("one", (2, 5)), ("two", (3, 6)), ("one", (2, 5))):
        dataset = open_part_dataset("folder", tmp_path, "all", label_name=name, cache=str(tmp_path / "cache"))
        assert dataset.space.numbers == numbers


def test_a_line_says_which_column_is_the_label(tmp_path, capsys):
    points, labels = labelled_cloud(40, (0, 1))
    root = tmp_path / "scans"
    root.mkdir()
    np.savetxt(root / "four.txt", np.column_stack([points, labels]))
    np.savez(root / "named.npz", points=points, labels=labels)
    write_table(root / "scan.csv", [points, labels], header="x y z Classification")
    for split in ("train", "test", "all"):
        open_part_dataset("folder", root, split, test_fraction=0.4, cache=str(tmp_path / "cache"))
    assert capsys.readouterr().err.splitlines() == [
        f"{root}: labels are 'column_4' of .txt files, 'labels' of .npz files, 'Classification' of .csv files; "
        "data.label_name or data.label_column chooses another column"
    ]


@pytest.mark.parametrize("inside", ["", "train"])
def test_a_stray_cloud_beside_the_categories(tmp_path, capsys, inside):
    for folder in ("train", "test") if inside else ("",):
        write_part_folder(tmp_path / folder, CATEGORIES)
    stray = tmp_path / inside / "stray.npz"
    write_npz(stray, *labelled_cloud(40, (7, 8)))
    dataset = open_part_dataset("folder", tmp_path, "train")
    assert (dataset.space.categories, dataset.space.numbers) == (("chair", "lamp"), (0, 1, 2, 3, 4))
    assert str(stray) not in dataset.sources
    place = tmp_path / inside
    said = capsys.readouterr().err.splitlines()
    assert f"{place}: passed over 1 file beside the folders that are searched (such as {stray})" in said


def test_a_folder_of_fewer_clouds_beside_files_is_no_category(tmp_path, capsys):
    root = write_part_folder(tmp_path)
    (root / "old").mkdir()
    write_npz(root / "old" / "1.npz", *labelled_cloud(40, (7, 8)))
    dataset = open_part_dataset("folder", root, "all")
    assert (dataset.space.num_categories, dataset.space.numbers) == (0, (0, 1, 2))
    assert f"1 folder that isn't searched (such as {root}/old)" in capsys.readouterr().err


@pytest.mark.parametrize("cache", ["off", "cache"])
def test_every_column_that_is_taken_is_named(tmp_path, capsys, cache):
    points, labels = labelled_cloud(40, (0, 1))
    root = tmp_path / "scans"
    root.mkdir()
    for number in range(3):
        write_table(root / f"{number}.txt", [points, labels], header="x y z label")
    write_table(root / "8.txt", [points, labels])
    write_table(root / "9.txt", [points, labels * 0 + 77], header="x y z scalar_Classification")
    np.savez(root / "named.npz", points=points, labels=labels)
    expected = (
        f"{root}: labels are 'label' of 3 .txt files (such as {root}/0.txt), 'column_4' of 1 .txt file (such as "
        f"{root}/8.txt), 'scalar_Classification' of 1 .txt file (such as {root}/9.txt), 'labels' of .npz files; "
        "data.label_name or data.label_column chooses another column"
    )
    for _ in range(2):  # with a cache, it is there the second time
        forget()
        option = cache if cache == "off" else str(tmp_path / cache)
        assert open_part_dataset("folder", root, "all", cache=option).space.numbers == (0, 1, 77)
        assert capsys.readouterr().err.splitlines() == [expected]


def test_a_label_that_is_no_whole_number_is_said(tmp_path, capsys):
    points, labels = labelled_cloud(40, (2, 5))
    broken = labels.astype(float)
    broken[3] = 2.5
    path = write_table(tmp_path / "a.txt", [points, broken, labels], header="x y z label Classification")
    assert open_part_dataset("folder", tmp_path, "all").space.numbers == (2, 5)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{path}: labels are 'Classification', since 'label' isn't a label: row 3 has 2.5"
    write_table(path, [points, broken], header="x y z label")
    with pytest.raises(DataError) as error:
        open_part_dataset("folder", tmp_path, "all")
    one_line(error.value, "a.txt: has no part label", "'label' isn't a label: row 3 has 2.5")


def test_shapenetparts_seven_columns_are_its_layout(tmp_path):
    from part_samples import write_shapenetpart

    root = write_shapenetpart(tmp_path)
    for path in root.glob("*/*.txt"):
        table = np.loadtxt(path)
        table[:, 3:6] *= 7  # what isn't a normal elsewhere
        np.savetxt(path, table)
    dataset = open_part_dataset("shapenetpart", root, "train")
    assert dataset.space.numbers == tuple(range(50))
    assert set(dataset.labelled_cloud(0)[1]) == {0, 1, 2, 3}
    with pytest.raises(ConfigError, match="label_column"):
        open_part_dataset("shapenetpart", root, "train", label_column=4)


def test_rows_without_a_point_are_left_out_and_said_once(tmp_path, capsys):
    points, labels = labelled_cloud(60, (2, 5))
    points[7] = np.nan
    np.savez(tmp_path / "a.npz", points=points, labels=labels)
    for _ in range(2):
        dataset = open_part_dataset("folder", tmp_path, "all")
        found, parts = dataset.labelled_cloud(0)
    assert (found.shape, parts.shape) == ((59, 3), (59,))
    np.testing.assert_array_equal(np.array([2, 5])[parts], np.delete(labels, 7))
    lines = [line for line in capsys.readouterr().err.splitlines() if "NaN" in line]
    assert lines == [f"{tmp_path / 'a.npz'}: 1 of 60 points have no coordinates (NaN) and were left out"]


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
        ("objects", "has no part label"),
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


@pytest.mark.parametrize("names", [{0: "a", 1: "b", 2: "a"}, ["a", "b", "a"]])
def test_two_parts_of_one_name_are_refused(tmp_path, names):
    root = write_part_folder(tmp_path)
    with pytest.raises(ConfigError) as error:
        open_part_dataset("folder", root, "train", part_names=names)
    one_line(error.value, "part_names is {0: 'a', 1: 'b', 2: 'a'}, but its names must all be different")


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
