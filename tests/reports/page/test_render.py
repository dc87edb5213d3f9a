"""The page as text: complete in itself, names as data, figures as they are, and scripts that fit together."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from pointlora.reports.page import render as page
from pointlora.reports.page.content import Report
from report_examples import KINDS, NAMES, example_report

ASSETS = Path(str(files("pointlora.reports.page"))) / "assets"


class Reader(HTMLParser):
    """Elements with their attributes, texts outside of scripts, and what the scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else ""
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif not self._inside:
            self.texts.append(data)


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {kind: example_report(kind, clouds=6, points=32) for kind in KINDS}


@pytest.fixture(scope="module")
def pages(reports: dict[str, Report]) -> dict[str, str]:
    return {kind: page.render(report) for kind, report in reports.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_for_nothing(pages: dict[str, str], kind: str) -> None:
    reader = Reader(pages[kind])
    for tag, attributes in reader.elements:
        assert tag not in ("iframe", "object", "embed", "base")
        for name in ("src", "href", "data", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/svg+xml,")), (tag, value)
    assert "@import" not in page.styles()
    assert "url(" not in page.styles()
    policies = [a["content"] for tag, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_texts_and_never_markup(pages: dict[str, str], reports: dict[str, Report], kind: str) -> None:
    reader = Reader(pages[kind])
    # The examples' names would make elements of these kinds; a page of its own accord has none.
    assert not {"b", "i", "lora"} & {tag for tag, _ in reader.elements}
    report = reports[kind]
    for name in report.confusion.names if report.confusion else ():
        assert name in reader.texts
    for row in report.comparison.rows if report.comparison else ():
        assert row.name in reader.texts
    data = json.loads(next(text for text in reader.scripts if text.startswith("{")))
    assert data["names"] == list(report.names)
    assert [cloud["name"] for cloud in data["clouds"]] == [cloud.name for cloud in report.clouds]


def test_a_hostile_name_ends_no_script() -> None:
    hostile = "</script><script>alert(1)</script><!-- \u2028 ]]> \udc80"
    report = example_report("train", clouds=3, points=32)
    report = dataclasses.replace(
        report,
        names=(hostile, *NAMES[1:]),
        clouds=[dataclasses.replace(report.clouds[0], name=hostile)],
        head=dataclasses.replace(report.head, title=hostile, command=hostile),
    )
    text = page.render(report)
    text.encode("utf-8")
    reader = Reader(text)
    assert len(reader.scripts) == len(Reader(page.render(example_report("train", clouds=3, points=32))).scripts)
    data = json.loads(reader.scripts[0])
    assert data["names"][0] == hostile
    assert data["clouds"][0]["name"] == hostile


@pytest.mark.parametrize("kind", ["train", "evaluate", "parts", "fewshot"])
def test_figures_are_there_in_full(pages: dict[str, str], reports: dict[str, Report], kind: str) -> None:
    shown = [
        (attributes["data-key"], float(attributes["data-value"] or "nan"))
        for _, attributes in Reader(pages[kind]).elements
        if "data-key" in attributes
    ]
    head = reports[kind].head
    expected = [(figure.key, figure.value) for figure in head.figures]
    if head.probe:
        expected.insert(1, (head.probe.key, head.probe.value))
    assert shown == expected


def test_sections_follow_what_there_is(pages: dict[str, str]) -> None:
    found = {
        kind: {a["id"] for tag, a in Reader(text).elements if tag == "section" and "id" in a}
        for kind, text in pages.items()
    }
    assert found["train"] == {"classes", "clouds", "map", "learning", "label-next", "command"}
    assert found["parts"] == {"classes", "clouds", "learning", "command"}
    assert found["predict"] == {"clouds", "map", "command"}
    assert found["compare"] == {"comparison", "command"}


def test_three_comes_only_where_there_are_clouds_and_brings_its_licence(pages: dict[str, str]) -> None:
    text = (ASSETS / "three.min.js").read_text(encoding="utf-8")
    assert re.match(r"/\*\nthree\.js \d+\.\d+\.\d+,", text)
    assert "The MIT License" in text[:500]
    assert "Permission is hereby granted, free of charge" in text[:1000]
    assert len(text.encode()) < 600_000
    assert not re.search("</script|<!--", text, re.IGNORECASE)
    assert text.strip() in pages["train"]
    assert "three.js authors" not in pages["compare"]
    assert f"three.js {page.three_version()}, under the MIT licence" in pages["train"]


def test_two_hundred_clouds_fit(reports: dict[str, Report]) -> None:
    cloud = example_report("evaluate", clouds=2, points=1024).clouds[1]
    one, eleven = (
        len(page.render(dataclasses.replace(reports["evaluate"], clouds=[cloud] * number)).encode())
        for number in (1, 11)
    )
    assert one + 199 * (eleven - one) / 10 < 8_000_000


def test_every_module_imports_from_those_before_it_what_they_export() -> None:
    assert {path.stem for path in ASSETS.glob("*.js")} == {*page.SCRIPTS, "three.min"}
    assert {path.stem for path in ASSETS.glob("*.css")} == set(page.STYLES)
    exported: dict[str, set[str]] = {}
    for name in page.SCRIPTS:
        code = (ASSETS / f"{name}.js").read_text(encoding="utf-8")
        for names, source in re.findall(r'^import \{ ([^}]*) \} from "\./(\w+)\.js";$', code, re.MULTILINE):
            assert set(names.split(", ")) <= exported[source], (name, source)
            for each in names.split(", "):
                assert len(re.findall(rf"\b{each}\b", code)) > 1, f"{name}.js imports {each} in vain"
        exported[name] = set(re.findall(r"^export (?:function|const) (\w+)", code, re.MULTILINE))
    assert not re.search(r"^(import|export)\b", page.scripts(), re.MULTILINE)


def test_scripts_are_valid() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node to read scripts")
    command = [node, "--input-type=module", "--check", "-"]
    done = subprocess.run(command, input=page.scripts(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("tidy") is None, reason="needs tidy: apt-get install tidy")
@pytest.mark.parametrize("kind", KINDS)
def test_tidy_finds_no_error(pages: dict[str, str], tmp_path: Path, kind: str) -> None:
    (tmp_path / "page.html").write_text(pages[kind], encoding="utf-8")
    done = subprocess.run(["tidy", "-q", "-e", "-utf8", str(tmp_path / "page.html")], capture_output=True, check=False)
    # 0: nothing to say, 1: warnings, 2: errors. It knows no `div` within a `dl`, which HTML has had since 2016.
    assert done.returncode < 2, done.stderr.decode()


def test_without_jinja_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from pointlora.errors import ConfigError

    page._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[viz\]'"):
        page.render(example_report("compare"))
