"""Tables to the letter."""

from __future__ import annotations

import pytest

from pointlora.reports.tables import key_value_table, markdown_table, text_table


def test_numbers_to_the_right_text_to_the_left() -> None:
    table = text_table(("method", "accuracy", "n"), [("pointlora", "76.3 %", 1234), ("head", None, 5)])
    assert table == (
        "method     accuracy     n\n---------  --------  ----\npointlora    76.3 %  1234\nhead              -     5"
    )


def test_wide_characters_and_control_characters() -> None:
    lines = text_table(("file", "class"), [("椅子.ply", "a"), ("x\n\x1b[0m", "b")]).splitlines()
    assert lines[2] == "椅子.ply      a"
    assert lines[3] == r"x\x0a\x1b[0m  b"
    assert len(lines) == 4


def test_markdown() -> None:
    table = markdown_table(("name", "n"), [("a|b", 3)])
    assert table == "| name | n |\n| --- | ---: |\n| a\\|b | 3 |"


def test_key_values() -> None:
    values = {"kind": "adapter", "base_model": None, "numbers": [1, 0.123456], "inner": {"a_b": True}, "size": 12345}
    assert key_value_table(values) == (
        "kind        adapter\nbase model  -\nnumbers     1, 0.1235\ninner       a b yes\nsize        12,345"
    )


def test_a_row_of_another_length() -> None:
    with pytest.raises(ValueError, match="a row has 1 cells, the header has 2"):
        text_table(("a", "b"), [("x",)])
