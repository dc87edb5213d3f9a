"""docs/deploying.md: its commands exist, its code runs, and the fields that it names are those of exported files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from onnx_samples import classifier, segmenter, write
from pointlora.cli import convert, export, info, predict
from pointlora.data.files import write_ply
from pointlora.export import ExportDescription
from pointlora.export.onnx_file import read_onnx

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> ExportDescription:
    return read_onnx(write(segmenter(), tmp_path_factory.mktemp("model") / "a.onnx")).description


def test_commands_and_their_options_exist() -> None:
    parsers = {"export": export, "info": info, "predict": predict, "convert": convert}
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("pointlora ")]
    commands = [shlex.split(line, comments=True)[1:] for line in lines]
    assert {command for command, *_ in commands} == set(parsers)
    for command, *words in commands:
        parsers[command].make_parser().parse(words)


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write(classifier(), tmp_path / "model.onnx")
    write_ply(tmp_path / "scan.ply", np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32))
    (code,) = blocks("python")
    exec(compile(code, "docs/deploying.md", "exec"), {})
    assert re.match(r"scan\.ply \[\('\w+', 0\.\d+\)\]", capsys.readouterr().out)


def test_every_field_is_named_and_no_other(described: ExportDescription) -> None:
    table = PAGE.split("| field | what it is |")[1].split("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == described.as_dict().keys()
    inputs = PAGE.split("| input | shape |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)`", inputs, re.MULTILINE)) == described.inputs


def test_the_host_reads_fields_that_exist(described: ExportDescription) -> None:
    (code,) = blocks("js")
    read = set(re.findall(r"about\.(\w+)", code))
    assert {"classes", "preprocess", "features", "task"} <= read <= described.as_dict().keys()
    assert described.to_metadata().keys() == set(re.findall(r"metadata\(file\)\.(\w+)", code))


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    assert "(docs/deploying.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
