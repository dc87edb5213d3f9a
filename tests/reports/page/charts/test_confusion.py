"""The confusion matrix of the page."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.reports.page.charts.confusion import confusion_view
from pointlora.reports.page.content import Confusion


def test_cells_say_what_they_count() -> None:
    view = confusion_view(Confusion(("cup", "lamp"), np.array([[9, 1], [0, 1200]])))
    assert [[cell.count for cell in row] for row in view.rows] == [[9, 1], [0, 1200]]
    assert view.rows[0][0].text == "9 × cup, right"
    assert view.rows[0][1].text == "1 × cup taken for lamp"
    assert view.rows[1][1].text == "1,200 × lamp, right"
    # The root of the share of the row.
    assert view.rows[0][1].strength == pytest.approx(0.1**0.5, abs=1e-3)
    assert view.summary.startswith("1,210 clouds, 1,209 right and 1 wrong.")
    assert not view.small


def test_an_empty_class_divides_by_nothing() -> None:
    view = confusion_view(Confusion([str(number) for number in range(20)], np.zeros((20, 20), dtype=np.int64)))
    assert view.rows[3][3].strength == 0
    assert view.small
