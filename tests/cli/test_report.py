"""`pointlora report`, and the reports that commands write at their end."""

import json
import shutil

import numpy as np
import pytest

from command_line import error_of, write
from pointlora.cli.end_report import report_of_folder
from pointlora.cli.main import main
from pointlora.data.files import write_ply
from pointlora.reporting import runs, writing
from training_runs import tiny_parts, tiny_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose report was written at its end."""
    folder = tmp_path_factory.mktemp("reported")
    assert main(["train", write(folder, tiny_recipe(folder / "run", epochs=1))]) == 0
    return folder


def test_training_writes_one(folder, capsys):
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert main(["report", str(folder / "run"), "--output", str(folder / "deep" / "page.html"), "--explain", "0"]) == 0
    assert capsys.readouterr().out == f"report: {folder / 'deep' / 'page.html'}\n"
    assert len((folder / "deep" / "page.html").read_text(encoding="utf-8")) < len(page)


def test_it_can_be_opened_at_once(folder, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)  # as without a browser, it returns nothing
    monkeypatch.setattr(runs, "_with_classes", lambda *given: {})
    assert main(["report", str(folder / "run"), "--open", "--output", str(folder / "p.html")]) == 0
    assert opened == [(folder / "p.html").as_uri()]
    assert "no browser was found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere is no folder"),
        (["."], "holds no finished run"),
        ([".", "--unlabelled", "nowhere"], "--unlabelled nowhere is no folder"),
        ([".", "--output", "/"], "is a folder: name a file"),
        ([".", "--explain", "-1"], "must be a whole number of at least 0"),
        ([".", "--unlabeled", "x"], "did you mean '--unlabelled'"),
    ],
)
def test_mistakes(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["report", *words]) == 2
    assert message in error_of(capsys)


def test_no_report_and_a_report_that_fails_leave_the_run_as_it_is(folder, tmp_path, capsys, monkeypatch):
    recipe = write(tmp_path, tiny_recipe(tmp_path / "run", epochs=1))
    assert main(["train", recipe, "--no-report"]) == 0
    assert not (tmp_path / "run" / "report.html").exists()
    assert "report" not in capsys.readouterr().err
    first, second = (json.loads((place / "run" / "results.json").read_text()) for place in (folder, tmp_path))
    assert first["confusion_matrix"] == second["confusion_matrix"]
    weights = [(place / "run/adapter/adapter_model.safetensors").read_bytes() for place in (folder, tmp_path)]
    assert weights[0] == weights[1]

    def fail(*given):
        raise RuntimeError("out of\npaper")

    monkeypatch.setattr(runs, "report_of", fail)
    report_of_folder(str(tmp_path / "run"), {"no-report": False})
    assert capsys.readouterr().err == "no report: out of paper (`pointlora report` makes one later)\n"


def test_without_jinja2_a_line_says_how_to_get_it(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(writing, "can_render", lambda: False)
    assert writing.report_at_the_end(lambda: pytest.fail("nothing is collected"), tmp_path / "r.html") is None
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install '.[viz]'" in line
    assert main(["report", str(folder / "run")]) == 2
    assert ".[viz]" in error_of(capsys)


def test_evaluate_and_predict_write_theirs(folder, tmp_path, capsys):
    run = shutil.copytree(folder / "run", tmp_path / "run")
    assert main(["evaluate", "--adapter", str(run), "--votes", "2", "--json"]) == 0
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    page = run / "evaluation_procedural_test.html"
    assert printed.err.splitlines()[-1] == f"report: {page}"
    assert f'data-value="{figures["accuracy"]}"' in page.read_text(encoding="utf-8")
    write_ply(tmp_path / "one.ply", np.random.default_rng(0).normal(size=(200, 3)))
    words = ["predict", "--adapter", str(run), str(tmp_path / "one.ply")]
    assert main([*words, "--output", str(tmp_path / "out.csv")]) == 0
    assert "one.ply" in (tmp_path / "out_report.html").read_text(encoding="utf-8")
    (tmp_path / "out_report.html").unlink()
    assert main([*words, "--output", str(tmp_path / "out.csv"), "--no-report"]) == 0
    assert main(words) == 0
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.slow
def test_predicted_parts_have_one(tmp_path, capsys):
    recipe = tiny_parts(tmp_path / "run", epochs=1)
    assert main(["train", write(tmp_path, recipe), "--no-report"]) == 0
    write_ply(tmp_path / "one.ply", np.random.default_rng(0).normal(size=(200, 3)))
    words = ["predict", "--adapter", str(tmp_path / "run"), str(tmp_path / "one.ply"), "--category", "mug"]
    assert main([*words, "--output", str(tmp_path / "out"), "--pictures", "0"]) == 0
    assert "one.ply" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert str(tmp_path) not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert main(["evaluate", "--adapter", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "evaluation_procedural_test.html").is_file()
