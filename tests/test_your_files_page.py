"""docs/your-files.md: its table names every kind, its lines are those that are printed, its figures are right."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from pointlora.data.datasets.folder import FolderDataset
from pointlora.data.files import SUPPORTED_SUFFIXES
from pointlora.data.files.labels import LABEL_NAMES
from pointlora.data.notices import MOST_FILE_LINES
from pointlora.data.parts import open_part_dataset

PAGE = (Path(__file__).parents[1] / "docs" / "your-files.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_kind_is_in_the_table() -> None:
    cells = re.findall(r"^\| ((?:`\.\w+` ?)+)\|", section("Kinds"), re.MULTILINE)
    named = [suffix for cell in cells for suffix in re.findall(r"`(\.\w+)`", cell)]
    assert sorted(named) == sorted(SUPPORTED_SUFFIXES)
    assert len(named) == len(set(named))


def test_every_name_of_labels_is_known() -> None:
    (line,) = [line for line in section("Labels").splitlines() if line.startswith("2. ")]
    assert {name.lower() for name in re.findall(r"`(\w+)`", line)} <= set(LABEL_NAMES)


def test_the_comments_of_the_examples_are_what_they_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "page", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    expected = re.findall(r"^print\(.*\)  # (.*)$", "".join(blocks("python")), re.MULTILINE)
    assert printed[:2] == expected[:2]
    assert printed[2] == "('holes.xyz: 2 of 50 points have no coordinates (NaN) and were left out',)"
    assert re.fullmatch(r"float64 \[ ?[256] -1\]", printed[3])
    assert printed[4] == "4 ('ground', 'tree', 'roof') (2, 5, 6)"
    assert set(re.findall(r"\d", printed[5])) <= set("256")


def test_the_lines_are_those_that_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    for name in ("notes.docx", "plan.pdf"):
        (Path("scans") / name).write_text("x")
    os.symlink("nowhere.ply", "scans/old.ply")
    rng = np.random.default_rng([7])

    def write(name: str, points: np.ndarray, header: str = "", separator: str = " ") -> None:
        table = np.column_stack([points, np.arange(len(points)) % 2])
        np.savetxt(f"scans/{name}", table, header=header, comments="", delimiter=separator, fmt="%.6g")

    write("a.csv", rng.uniform(0, 1, (50, 3)), "x,y,z,label", ",")
    holes, origin = rng.uniform(0, 1, (50, 3)), rng.uniform(1000, 1001, (60, 3))
    holes[[3, 9]] = np.nan
    origin[7] = 0
    write("holes.xyz", holes)
    write("origin.xyz", origin)
    write("same.xyz", np.repeat(rng.uniform(0, 1, (4, 3)), 10, axis=0))
    write("small.xyz", rng.uniform(0, 1, (12, 3)))
    open_part_dataset("folder", "scans", "all")
    printed = capsys.readouterr().err.splitlines()
    assert printed == "".join(blocks("text")).splitlines()
    assert f"the first {MOST_FILE_LINES} are shown" in PAGE


def test_the_layouts_are_read(tmp_path: Path) -> None:
    patterns = re.findall(r"^\| (`<root>[^|]*) \|", section("Folders"), re.MULTILINE)
    assert len(patterns) == 4
    for number, pattern in enumerate(patterns):
        options = {"class_from": "name"} if "class_from" in pattern else {}
        for place in re.findall(r"<root>([^`,]*)", pattern):
            for kind in ("chair", "night_stand"):
                for index in range(5):
                    name = place.replace("<class>", kind).replace("<file>", f"{index}.xyz")
                    name = name.replace("<number>", f"{index}").replace("<suffix>", "xyz")
                    path = tmp_path / str(number) / name.lstrip("/")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text("0 0 0\n1 1 1\n")
        train, test = (FolderDataset(tmp_path / str(number), split, **options) for split in ("train", "test"))
        assert train.class_names == ("chair", "night_stand")
        assert len(test) > 0
        assert not set(train.sources) & set(test.sources)
