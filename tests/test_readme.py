"""The code in README.md and the pages runs, its commands exist, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pointlora.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "docs/quickstart.md",
    "docs/your-files.md",
    "docs/scaling.md",
    "docs/few-labels.md",
    "docs/few-shot.md",
    "docs/part-segmentation.md",
)
NO_CODE = ("docs/reports.md",)


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("page", [*PAGES, "docs/benchmarks.md"])
def test_python_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = blocks(page, "python")
    assert code
    names: dict[str, object] = {}
    for block in code:
        exec(compile(block, page, "exec"), names)


def test_nothing_is_installed_from_an_index_that_lacks_it() -> None:
    """The package is on no index: it is installed from a clone."""
    files = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "src").rglob("*.py")]
    files += (ROOT / "src").rglob("*.yaml")
    for file in files:
        assert not re.search(r"pip install [^`\n]*\bpointlora\b", file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize("page", [*PAGES, *NO_CODE])
def test_commands_and_their_options_exist(page: str) -> None:
    from pointlora.cli import data, demo, evaluate, info, predict, report
    from pointlora.recipes.comparison import CompareRecipe
    from pointlora.recipes.fewshot import FewShotRecipe
    from pointlora.recipes.files import dotted_keys
    from pointlora.recipes.pretraining import PretrainRecipe
    from pointlora.recipes.runs import TrainRecipe

    plain = {"predict": predict, "info": info, "demo": demo, "data": data, "report": report}
    recipes = {
        "train": TrainRecipe,
        "pretrain": PretrainRecipe,
        "compare": CompareRecipe,
        "fewshot": FewShotRecipe,
        "evaluate": evaluate.EvaluateConfig,
    }
    lines = [line for block in blocks(page, "bash") for line in block.replace("\\\n", " ").splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("pointlora ")]
    assert commands
    for command, *words in commands:
        assert command in COMMANDS
        if command in plain:
            plain[command].make_parser().parse(words)
        else:
            known = list(dotted_keys(recipes[command]))
            for word in words:
                if word.startswith("--"):
                    name = word[2:].split("=")[0]
                    assert name in known or name.startswith(("method.", "data.options.")), (command, word)


@pytest.mark.parametrize("page", [*PAGES, *NO_CODE, "docs/benchmarks.md", "docs/results.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("http"):
            assert (ROOT / page).parent.joinpath(target).exists(), target
