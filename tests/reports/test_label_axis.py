"""Where numbers of labels lie."""

import pytest

from pointlora.reports.label_axis import count_places, count_ticks, covered


def test_numbers_lie_at_the_labels_that_there_were():
    assert count_places([(2, 2.0), (20, 18.5), ("all", 34.0), (2, 2.0)]) == {2: 2.0, 20: 18.5, "all": 34.0}
    # Runs of earlier releases don't say.
    assert count_places([(2, None), (20, None), ("all", None)]) == {2: 2.0, 20: 20.0, "all": 40.0}
    assert count_places([]) == {}


def test_ticks_that_would_cover_one_another_are_one():
    ticks = count_ticks({1: 1.0, 10: 10.0, 20: 19.0, "all": 20.0})
    assert [tick.text for tick in ticks] == ["1", "10", "20, all"]
    assert [tick.at for tick in ticks] == pytest.approx([1, 10, (19 * 20) ** 0.5])


def test_how_many_later_curves_lie_on_each():
    low, high = [(1.0, 30.0), (10.0, 50.0)], [(1.0, 60.0), (10.0, 90.0)]
    near, far = [(1.0, 30.2), (10.0, 49.8)], [(1.0, 30.0), (10.0, 51.0)]
    assert covered([low, high, near, far, low]) == [2, 0, 1, 0, 0]
    assert covered([low, low[:1], [(2.0, 30.0), (10.0, 50.0)]]) == [0, 0, 0]
