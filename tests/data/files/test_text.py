"""Tables in text: separators, comments, headers, counts, and the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3\n4 5 6\n",
        "1,2,3\n4,5,6",
        "1, 2, 3\r\n4,  5,\t6\r\n",
        "\t1  2\t3 \n\n\n 4 5 6\n\n",
        "# a comment\n//X Y Z\n1 2 3 # first\n4 5 6 // second\n",
        "x y z\n1 2 3\n4 5 6\n",
        "X,Y,Z\n1,2,3\n4,5,6\n",
        "2\n1 2 3\n4 5 6\n",
        "2\nx y z\n1 2 3\n4 5 6\n",
        "\ufeff1 2 3\n4 5 6\n",
        "1e0 2.0 +3\n4 5 6.\n",
    ],
)
def test_variants_of_the_same_table(tmp_path: Path, text: str) -> None:
    path = samples.write(tmp_path, "a.txt", text.encode())
    np.testing.assert_array_equal(read_point_cloud(path).points, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3\n4 5 6\n7 8\n", "line 3 has 2 columns, not 3"),
        ("# c\n1 2 3\n4 x 6\n", "line 3 has 'x' where a number should be"),
        ("1,2,3\n4,,6\n", "line 2 has '' where a number should be"),
        ("1 2 3\n4 5_0 6\n", "line 2 has '5_0' where"),
        ("1 2\n3 4\n", "at least three columns"),
        ("3\n1 2 3\n4 5 6\n", "declares 3 points, 2 lines follow"),
        ("x y z\n", "no points"),
        ("# nothing\n", "no points"),
        ("1.0 2.x 3.0\n4 5 6\n", "line 1 has '2.x'"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, text: str, words: str) -> None:
    path = samples.write(tmp_path, "a.xyz", text.encode())
    with pytest.raises(DataError, match=words):
        read_point_cloud(path)


def test_binary_content(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not text"):
        read_point_cloud(samples.write(tmp_path, "a.xyz", b"1 2 3\n\xff\xfe"))
