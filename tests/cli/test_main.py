import subprocess
import sys

import pytest

from pointlora.cli.main import COMMANDS, main


def test_the_commands_are_listed(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert {"train", "pretrain", "compare", "evaluate", "predict", "info"} <= set(COMMANDS)
    for name, (_, line) in COMMANDS.items():
        assert name in text
        assert line in text
    assert main([]) == 2


def test_version(capsys):
    import pointlora

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pointlora {pointlora.__version__}\n"


def test_a_misspelt_command(capsys):
    assert main(["trian"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pointlora: error: ")
    assert "did you mean 'train'" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["", "train", "pretrain", "compare", "fewshot", "evaluate"])
def test_help_answers_without_torch(command):
    code = (
        "import sys\nfrom pointlora.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "print(sorted({'torch', 'numpy', 'lightning'} & set(sys.modules)), file=sys.stderr)"
    )
    words = [command, "--help"] if command else ["--help"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
    assert "usage: pointlora" in done.stdout
    assert "training.epochs" in done.stdout or command in ("", "evaluate")
