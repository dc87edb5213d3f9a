"""The layout of the source tree: imports run one way, and never in a circle.

Imports inside functions and under `TYPE_CHECKING` count like all others.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Folders and files of the package: each imports only from those after it. "" is the package's own __init__.py.
ORDER = [
    "cli",
    "demo",
    "demo_report",
    "",
    "reporting",
    "prediction",
    "comparison",
    "training",
    "inspection",
    "export",
    "reports",
    "adapters",
    "recipes",
    "methods",
    "models",
    "data",
    "procedural",
    "layers",
    "ops",
]
# They import from one another alone.
LOWEST_TIER = {
    "allocator",
    "atomic",
    "checks",
    "errors",
    "fast_paths",
    "lazy",
    "names",
    "parent",
    "processor",
    "randomness",
    "torch_private",
    "version",
    "waiting",
}

Imports = dict[str, dict[str, int]]  # module -> modules that it imports, with a line


def read_imports(package: Path) -> Imports:
    """All imports of a package's modules from its own modules."""
    files = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {
        module: {
            target: line
            for name, line in imported_names(module, path)
            if (target := name if name in files else name.rpartition(".")[0]) in files and target != module
        }
        for module, path in files.items()
    }


def imported_names(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """Absolute dotted names that a file imports, the last part being a module or a name in one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
            start = parts[: len(parts) - node.level + 1] if node.level else []
            source = ".".join([*start, *filter(None, [node.module])])
            yield from ((f"{source}.{alias.name}", node.lineno) for alias in node.names)


def place(module: str) -> int:
    """Where in the order a module stands."""
    top = [*module.split("."), ""][1]
    if top in LOWEST_TIER:
        return len(ORDER)
    assert top in ORDER, f"{module} has no place in the order of the layout"
    return ORDER.index(top)


def against_the_order(imports: Imports) -> list[str]:
    """Imports of something that comes earlier."""
    return [
        f"{module}, line {line}: imports {target}"
        for module, targets in imports.items()
        for target, line in targets.items()
        if place(target) < place(module)
    ]


def circles(imports: Imports) -> list[str]:
    """Modules that reach themselves, each with the import that begins its way."""
    reached = {module: reachable(imports, module) for module in imports}
    return [
        f"{module}, line {line}: imports {target}, which leads back"
        for module, targets in imports.items()
        for target, line in targets.items()
        if module in reached[target]
    ]


def reachable(imports: Imports, module: str) -> set[str]:
    """What a module imports, and what that imports, and so on."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        new = imports[waiting.pop()].keys() - seen
        seen |= new
        waiting += new
    return seen


def test_imports_run_one_way():
    imports = read_imports(ROOT / "src" / "pointlora")
    assert len(imports) > 200
    assert against_the_order(imports) == []


@pytest.mark.parametrize("folder", ["src/pointlora", "benchmarks"])
def test_no_import_runs_in_a_circle(folder):
    imports = read_imports(ROOT / folder)
    assert sum(map(len, imports.values())) > 40
    assert circles(imports) == []


@pytest.fixture
def tree(tmp_path):
    """A package with one import of every kind, all of them allowed."""
    package = tmp_path / "pointlora"
    for name, text in {
        "__init__.py": "from pointlora.models.net import Net\n",
        "errors.py": "",
        "models/__init__.py": "",
        "models/net.py": "from ..errors import Bad\nfrom . import layers_of\n\nimport pointlora.ops.pick\n",
        "models/layers_of.py": "def f():\n    from pointlora.ops import pick\n",
        "ops/__init__.py": "",
        "ops/pick.py": "import math\nfrom pointlora import errors\n",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


def test_imports_are_read_in_every_form(tree):
    assert read_imports(tree) == {
        "pointlora": {"pointlora.models.net": 1},
        "pointlora.errors": {},
        "pointlora.models": {},
        "pointlora.models.net": {"pointlora.errors": 1, "pointlora.models.layers_of": 2, "pointlora.ops.pick": 4},
        "pointlora.models.layers_of": {"pointlora.ops.pick": 2},
        "pointlora.ops": {},
        "pointlora.ops.pick": {"pointlora.errors": 2},
    }
    assert against_the_order(read_imports(tree)) == circles(read_imports(tree)) == []


@pytest.mark.parametrize(
    "text",
    [
        "from pointlora.models.net import Net\n",
        "def f():\n    from ..models import net\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pointlora.models.net\n",
    ],
)
def test_an_import_against_the_order_is_found(tree, text):
    (tree / "ops" / "pick.py").write_text(text)
    found = f"pointlora.ops.pick, line {text.count(chr(10))}: imports pointlora.models.net"
    assert against_the_order(read_imports(tree)) == [found]
    assert f"{found}, which leads back" in circles(read_imports(tree))


def test_a_circle_within_a_folder_is_found(tree):
    (tree / "models" / "layers_of.py").write_text("def f():\n    from pointlora.models.net import Net\n")
    assert against_the_order(read_imports(tree)) == []
    assert circles(read_imports(tree)) == [
        "pointlora.models.layers_of, line 2: imports pointlora.models.net, which leads back",
        "pointlora.models.net, line 2: imports pointlora.models.layers_of, which leads back",
    ]


def test_a_folder_without_a_place_is_found(tree):
    (tree / "utils.py").write_text("from pointlora import errors\n")
    with pytest.raises(AssertionError, match=r"pointlora\.utils has no place"):
        against_the_order(read_imports(tree))
