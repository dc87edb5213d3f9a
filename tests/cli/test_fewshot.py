"""`pointlora fewshot` and `pointlora data` as a user calls them, in this process."""

import json

import pytest

from command_line import error_of, write
from fewshot_files import write_fold
from pointlora.cli.main import main
from training_runs import tiny_fewshot


@pytest.fixture
def public_folds(tmp_path):
    """Two public folds of clouds with 128 points, and a recipe over them."""
    for number in (0, 1):
        write_fold(tmp_path / "ModelNetFewshot/3way_2shot" / f"{number}.pkl", seed=number, size=128)
    recipe = tiny_fewshot(tmp_path / "run", epochs=2, batch_size=4) | {"shots": 2, "folds": 2}
    recipe["data"] = {"name": "fewshot_files", "root": str(tmp_path / "ModelNetFewshot"), "num_points": 64}
    return write(tmp_path, recipe)


def test_public_folds_from_pickles_and_converted_ones(tmp_path, public_folds, capsys):
    assert main(["fewshot", public_folds]) == 0
    printed = capsys.readouterr()
    assert "3-way 2-shot on fewshot_files, pointlora on point_mae: " in printed.out
    assert "mean ± standard deviation of 2 folds; last epoch, none was chosen" in printed.out
    assert str(tmp_path / "run/fewshot.json") in printed.out
    assert [line.split(":")[0] for line in printed.err.splitlines() if "so far" in line] == ["fold 1/2", "fold 2/2"]
    assert main(["data", "convert", str(tmp_path / "ModelNetFewshot"), str(tmp_path / "safe")]) == 0
    assert capsys.readouterr().out == f"2 folds in {tmp_path / 'safe'}\n"
    again = ["fewshot", public_folds, "--data.root", str(tmp_path / "safe"), "--output", str(tmp_path / "second")]
    assert main(again) == 0
    first, second = (json.loads((tmp_path / f / "fewshot.json").read_text()) for f in ("run", "second"))
    assert first["folds"] == second["folds"]
    assert first["folds"][0]["count"] == 12


def test_info_knows_folders_and_recipes(tmp_path, public_folds, capsys):
    assert main(["fewshot", public_folds, "--folds", "1", "--training.epochs", "1"]) == 0
    capsys.readouterr()
    assert main(["info", str(tmp_path / "run"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    figures = json.loads((tmp_path / "run/fewshot.json").read_text())
    assert (found["kind"], found["folds_finished"]) == ("run of pointlora fewshot", 1)
    assert found["accuracy_mean"] == figures["accuracy_mean"]
    assert main(["info", public_folds, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["command"], found["ways"], found["shots"]) == ("pointlora fewshot", 3, 2)
    assert main(["evaluate", "--adapter", str(tmp_path / "run/fold_00"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == figures["accuracy_mean"]
    assert main(["info", str(next(tmp_path.rglob("0.pkl")))]) == 2
    assert "pointlora data convert" in error_of(capsys)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ways", "5"], "4 classes have 4 clouds in the train split and 3 in the test split"),
        (["--shots", "7"], "0 classes have 7 clouds"),
        (["--queries", "4"], "and 4 in the test split (not chair, mug, rocket, bed)"),
        (["--query_split", "tst"], "did you mean 'test'"),
        (["--folds", "0"], "folds is 0"),
        (["--ways", "some"], "ways is 'some'"),
        (["--shot", "3"], "did you mean '--shots'"),
        (["--resume"], "unknown option '--resume'"),
        (["--data.name", "modelnet"], "did you mean 'modelnet40'"),
        (["--data.name", "fewshot_files"], "data.options is {'categories'"),
        (["--data.name", "fewshot_files", "--data.options", "{}"], "needs a root"),
        (["--data.name", "npz", "--data.root", "nowhere", "--data.options", "{}"], "nowhere"),
        (["--data.options.variant", "scn"], "did you mean 'scan'"),
        (["--data.options.fold", "2"], "unknown option of data set 'procedural' 'fold'"),
        (["--data.num_points", "8"], "8 points are too small"),
        (["--model.checkpoint", "nowhere.pth"], "nowhere.pth"),
        (["--model.num_heads", "3"], "num_heads 3"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, words, expected, capsys):
    recipe = write(tmp_path, tiny_fewshot(tmp_path / "run"))
    assert main(["fewshot", recipe, *words]) == 2
    assert expected in error_of(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_folders_that_hold_something_else(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/notes.txt").write_text("mine")
    recipe = write(tmp_path, tiny_fewshot(tmp_path / "run"))
    assert main(["fewshot", recipe]) == 2
    assert "is not empty and holds no run" in error_of(capsys)
    assert main(["fewshot", recipe, "--output", str(tmp_path / "run/notes.txt")]) == 2
    assert "is a file" in error_of(capsys)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "the following arguments are required"),
        (["convrt", "a", "b"], "invalid choice: 'convrt'"),
        (["convert", "a"], "DST"),
        (["convert", "nowhere.pkl", "a.npz"], "nowhere.pkl: no such file"),
        (["convert", "{fold}", "a.txt"], "a.npz"),
        (["convert", "{fold}", "{fold}.npz", "--forse"], "unknown option '--forse'"),
        (["convert", "{broken}", "a.npz"], "broken.pkl: refused without running it: it names builtins.print"),
    ],
)
def test_converting_what_does_not_fit(tmp_path, words, expected, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_fold(tmp_path / "0.pkl")
    write_fold(tmp_path / "broken.pkl", print)
    names = {"{fold}": str(tmp_path / "0.pkl"), "{broken}": str(tmp_path / "broken.pkl")}
    assert main(["data", *(names.get(word, word) for word in words)]) == 2
    assert expected in error_of(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.pkl", "broken.pkl"]
