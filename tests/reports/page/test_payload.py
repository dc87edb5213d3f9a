"""Clouds packed for the page."""

from __future__ import annotations

import base64
import json

import numpy as np

from pointlora.reports.page.charts.embedding import map_chart
from pointlora.reports.page.payload import payload, script_json
from report_examples import example_report


def test_numbers_come_back_as_they_were() -> None:
    report = example_report("train", clouds=9, points=40)
    assert report.embedding is not None
    data = json.loads(payload(report, map_chart(report.embedding, report.names)))
    assert (data["up"], data["parts"]) == ("z", False)
    for found, cloud in zip(data["clouds"], report.clouds, strict=True):
        points = np.frombuffer(base64.b64decode(found["points"]), "<i2").reshape(-1, 3)
        np.testing.assert_array_equal(points, cloud.points)
        np.testing.assert_allclose(found["attention"], cloud.attention, atol=1e-5)
        assert found["true"] == cloud.true
        assert [label for label, _ in found["probabilities"]] == [label for label, _ in cloud.probabilities]
        assert ("explanation" in found) == (cloud.explanation is not None)
        assert ("colors" in found) == (cloud.colors is not None)
    assert data["map"]["cloud"] == list(range(9))
    assert [cloud["name"] for cloud in data["suggestions"]] == [cloud.name for cloud in report.label_next or ()]


def test_parts_come_back_too() -> None:
    report = example_report("parts", clouds=2, points=40)
    data = json.loads(payload(report, None))
    found = np.frombuffer(base64.b64decode(data["clouds"][0]["partsPredicted"]), "<i2")
    np.testing.assert_array_equal(found, report.clouds[0].parts_predicted)
    assert data["map"] is None


def test_json_stays_data_within_a_script() -> None:
    text = "</script> & <!-- \u2028 \u2029 \udc80 'quoted' \"twice\" كرسي 🛋️"
    written = script_json({text: [text]})
    assert not set("<>&\u2028\u2029\udc80") & set(written)
    assert json.loads(written) == {text: [text]}
    assert "🛋️" in written
