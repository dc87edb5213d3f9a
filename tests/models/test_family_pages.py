"""The pages about families say what the code does."""

import re
import runpy
from pathlib import Path
from statistics import median

from pointlora import list_models
from pointlora.models import act, registry

ROOT = Path(__file__).parents[2]


def test_the_table_of_sizes_is_what_its_command_prints():
    page = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")
    lines = runpy.run_path(str(ROOT / "benchmarks" / "family_sizes.py"))["table"]()
    assert len(lines) == 2 + len(list_models())
    assert "\n".join(lines) in page


def test_the_example_of_a_new_family_is_the_smallest_one_and_runs():
    page = (ROOT / "docs" / "adding-a-family.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.S)[0]
    assert code == Path(act.__file__).read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec(compile(code, "adding-a-family.md", "exec"), names)
    assert names["FAMILIES"] == act.FAMILIES


def test_no_familys_file_imports_anothers():
    lengths = []
    names = [module.__name__ for module in registry._MODULES]
    for module in registry._MODULES:
        source = Path(module.__file__).read_text(encoding="utf-8")
        imported = set(re.findall(r"^\s*(?:from|import) (pointlora\.\S+)", source, re.M))
        assert not imported & set(names), module.__name__
        lengths.append(len(source.splitlines()))
        assert lengths[-1] <= 200, module.__name__
    assert median(lengths) <= 120
