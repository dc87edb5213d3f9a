import pytest

from pointlora.reports.classification import confusion_csv, confusion_table, metrics_table

# cup: 3 of 4; fork: 0 of 1; plate doesn't occur.
FIGURES = {
    "accuracy": 0.6,
    "class_mean_accuracy": 0.375,
    "count": 5,
    "per_class": {"cup": 0.75, "fork": 0.0, "a,plate": None},
    "class_names": ["cup", "fork", "a,plate"],
    "confusion_matrix": [[3, 0, 1], [1, 0, 0], [0, 0, 0]],
}


def test_confusion_csv():
    assert confusion_csv(FIGURES).splitlines() == [
        'true \\ predicted,cup,fork,"a,plate"',
        "cup,3,0,1",
        "fork,1,0,0",
        '"a,plate",0,0,0',
    ]


def test_table_says_what_it_is_about():
    lines = metrics_table(FIGURES, "caption").splitlines()
    assert lines[0] == "caption"
    assert "60.00 %  of 5" in lines[1]
    assert "37.50 %" in lines[2]
    assert lines[3].split() == ["cup", "75.00", "%", "of", "4"]
    assert lines[5].split() == ["a,plate", "-", "%", "of", "0"]
    assert len({line.index("%") for line in lines[1:]}) == 1


@pytest.mark.parametrize(("highest", "width"), [(3, 3), (12345, 5)])
def test_confusion_table_is_aligned(highest, width):
    lines = confusion_table(FIGURES | {"confusion_matrix": [[highest, 0, 1], [1, 0, 0], [0, 0, 0]]}).splitlines()
    assert [line.split() for line in lines[:2]] == [["0", "1", "2"], ["0", "cup", str(highest), ".", "1"]]
    assert {len(line) for line in lines} == {len("  0 a,plate ") + 3 * width + 2}
