"""Reports in a real browser: they open cleanly, and mouse, finger-sized clicks and keys do what they should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, needs_chromium
from pointlora.reports.page.render import render
from report_examples import KINDS, NAMES, example_report

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for kind in KINDS:
        found[kind] = folder / f"{kind}.html"
        found[kind].write_text(render(example_report(kind)), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


# The viewer's pixels, without what surrounds them.
DRAWN = "document.querySelector('#stage canvas').toDataURL()"


def names_in(browser: Browser) -> list[str]:
    """File names of the gallery, as it shows them."""
    found: list[str] = browser.js("[...document.querySelectorAll('#thumbnails .card')].map(card => card.title)")
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_every_kind_opens_without_errors_and_requests(
    browser: Browser, pages: dict[str, Path], kind: str, width: int, dark: bool
) -> None:
    browser.open(pages[kind], width=width, dark=dark)
    assert browser.js("document.documentElement.dataset.ready") == "true"
    # Nothing is wider than the window, and what is below the fold draws itself without a word too.
    assert browser.js("document.documentElement.scrollWidth") == width
    browser.js("scrollTo(0, document.body.scrollHeight)")
    browser.settle()
    assert (browser.problems, browser.requests) == ([], [])


def test_names_are_shown_as_they_are(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["train"])
    shown = browser.js("[...document.querySelectorAll('.confusion tbody th')].map(head => head.textContent)")
    assert shown == list(NAMES)
    options = browser.js("[...document.querySelectorAll('#filter-true option')].map(option => option.text)")
    assert options == ["any", *NAMES]
    assert browser.js("document.querySelectorAll('main b').length") == 0


def test_the_gallery_filters(browser: Browser, pages: dict[str, Path]) -> None:
    clouds = example_report("train").clouds
    browser.open(pages["train"])
    assert names_in(browser) == [cloud.name for cloud in clouds]
    choose = (
        "(() => {{ const s = document.getElementById('{}'); s.value = '{}'; s.dispatchEvent(new Event('change')) }})()"
    )
    browser.js(choose.format("filter-answer", "wrong"))
    wrong = [cloud for cloud in clouds if cloud.wrong]
    assert 0 < len(wrong) < len(clouds)
    assert names_in(browser) == [cloud.name for cloud in wrong]
    browser.js(choose.format("filter-true", 2))
    assert names_in(browser) == [cloud.name for cloud in wrong if cloud.true == 2]
    browser.js(choose.format("filter-predicted", 3))
    assert names_in(browser) == [cloud.name for cloud in wrong if (cloud.true, cloud.predicted) == (2, 3)]
    browser.click("#filter-clear")
    assert len(names_in(browser)) == len(clouds)


def test_a_cell_of_the_confusion_matrix_selects_its_clouds(browser: Browser, pages: dict[str, Path]) -> None:
    clouds = example_report("train").clouds
    browser.open(pages["train"])
    true, predicted = next((cloud.true, cloud.predicted) for cloud in clouds if cloud.wrong)
    cell = f".confusion button[data-true='{true}'][data-predicted='{predicted}']"
    browser.click(cell)
    expected = [cloud.name for cloud in clouds if (cloud.true, cloud.predicted) == (true, predicted)]
    assert names_in(browser) == expected
    assert browser.js("document.getElementById('cloud-name').textContent") == expected[0]
    assert browser.js(f'document.querySelector("{cell}").getAttribute("aria-pressed")') == "true"
    browser.click(cell)
    assert len(names_in(browser)) == len(clouds)


@pytest.mark.parametrize("webgl", [True, False])
def test_the_view_turns_under_mouse_and_keys(tmp_path: Path, pages: dict[str, Path], webgl: bool) -> None:
    with Browser(tmp_path / "profile", *([] if webgl else ["--disable-3d-apis"])) as browser:
        browser.open(pages["train"])
        assert browser.js("stage.dataset.drawnWith") == ("webgl" if webgl else "canvas")
        first, drawn = browser.screenshot(selector="#stage"), browser.js(DRAWN)
        browser.drag("#stage", 90, 25)
        dragged = browser.screenshot(selector="#stage")
        browser.js("stage.focus()")
        browser.press("ArrowLeft", times=3)
        turned = browser.screenshot(selector="#stage")
        browser.press("+", times=3)
        nearer = browser.screenshot(selector="#stage")
        assert len({first, dragged, turned, nearer}) == 4
        browser.press("0")
        assert browser.js(DRAWN) == drawn
        assert browser.problems == []


def test_a_finger_turns_the_view(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["train"], width=400, height=800)
    browser.send("Emulation.setTouchEmulationEnabled", enabled=True)
    x, y = browser.middle("#stage")
    first = browser.screenshot(selector="#stage")
    browser.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    for step in range(1, 6):
        browser.send("Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": x + 20 * step, "y": y}])
    browser.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    browser.settle()
    browser.send("Emulation.setTouchEmulationEnabled", enabled=False)
    assert browser.screenshot(selector="#stage") != first


def test_the_whole_page_by_keys(browser: Browser, pages: dict[str, Path]) -> None:
    """Tab reaches every part in its order; arrows and Enter work in each."""
    clouds = example_report("train").clouds
    browser.open(pages["train"])
    reached = []
    for _ in range(60):
        browser.press("Tab")
        reached.append(
            browser.js(
                "(e => e.closest('.confusion') ? 'cell' : e.closest('.card') ? 'card' : e.id || e.name || e.tagName)"
                "(document.activeElement)"
            )
        )
        if reached[-1] == "card":
            break
    assert "cell" in reached
    assert "filter-true" in reached
    assert reached[-1] == "card"
    browser.press("ArrowRight", times=2)
    assert browser.js("document.getElementById('cloud-name').textContent") == clouds[2].name
    browser.press("Enter")
    assert browser.js("document.activeElement.id") == "stage"
    # In the matrix, an arrow leads to the next cell that holds something.
    browser.js("document.querySelector('.confusion button[tabindex=\"0\"]').focus()")
    before = browser.js("document.activeElement.getAttribute('aria-label')")
    browser.press("ArrowRight")
    assert browser.js("document.activeElement.getAttribute('aria-label')") != before
    browser.press("Enter")
    assert 0 < len(names_in(browser)) < len(clouds)
    # On the map, arrows go from mark to mark, and Enter opens the cloud.
    browser.js("document.querySelector('#map-chart svg').focus()")
    browser.press("ArrowLeft", times=2)
    told = browser.js("document.querySelector('#map-text bdi').textContent")
    browser.press("Enter")
    assert browser.js("document.getElementById('cloud-name').textContent") == told


def test_colour_modes_change_the_picture(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["train"])
    explained = next(at for at, cloud in enumerate(example_report("train").clouds) if cloud.explanation)
    browser.click(f".card[data-index='{explained}']")
    pictures = {}
    for mode in browser.js("[...document.querySelectorAll('#modes input')].map(input => input.value)"):
        browser.click(f"#modes input[value={mode}]")
        pictures[mode] = browser.screenshot(selector="#stage")
    assert {"height", "selected", "attention", "explanation"} <= pictures.keys()
    assert len(set(pictures.values())) == len(pictures)
    browser.click(".patch")
    assert browser.screenshot(selector="#stage") != pictures["explanation"]
    assert browser.js("document.querySelector('.changed').textContent.endsWith('%')")


def test_parts_have_the_same_viewer(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["parts"])
    modes = browser.js("[...document.querySelectorAll('#modes input')].map(input => input.value)")
    assert modes[:3] == ["predicted", "true", "difference"]
    first = browser.screenshot(selector="#stage")
    browser.click("#modes input[value=difference]")
    assert browser.screenshot(selector="#stage") != first


def test_a_table_sorts_by_its_columns(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["compare"])
    column = "[...document.querySelectorAll('#comparison tbody tr')].map(row => Number(row.cells[1].dataset.sort))"
    means = [row.mean for row in example_report("compare").comparison.rows]  # type: ignore[union-attr]
    browser.click("#comparison thead th:nth-child(2) button")
    assert browser.js(column) == sorted(means)
    browser.click("#comparison thead th:nth-child(2) button")
    assert browser.js(column) == sorted(means, reverse=True)


def test_the_list_of_what_to_label_is_copied(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["train"])
    browser.js(
        "window.taken = ''; document.addEventListener('copy', e => taken = String(document.activeElement.value));"
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: text => { taken = text }}})"
    )
    browser.click("[data-copy=suggestions]")
    expected = [cloud.name for cloud in example_report("train").label_next or ()]
    assert browser.js("taken").splitlines() == expected


def test_paper_shows_every_thumbnail_on_a_light_ground(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["train"], dark=True)
    red = "c.getContext('2d').getImageData(0, 0, 1, 1).data[0]"
    corner = f"[...document.querySelectorAll('#thumbnails canvas')].map(c => {red})"
    assert 0 in browser.js(corner), "those below the fold aren't drawn before they are seen"
    browser.js("window.during = null; addEventListener('beforeprint', () => { during = " + corner + " })")
    browser.send("Page.printToPDF")
    assert set(browser.js("during")) == {0xF6}
    assert 0xF6 not in browser.js(corner)


def test_text_stands_out_from_its_ground(browser: Browser, pages: dict[str, Path]) -> None:
    """Contrast of at least 4.5 to 1, in both schemes, for every text on the page."""
    for dark in (False, True):
        browser.open(pages["train"], dark=dark)
        assert browser.js(CONTRAST) == []


# Texts whose contrast with the ground behind them is below 4.5, as WCAG 2 computes it; marks of charts are no texts.
CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const over = (top, base) => [0, 1, 2].map(at => top[at] * top[3] + base[at] * (1 - top[3])).concat(1);
  const ground = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((base, top) => over(top, base), [255, 255, 255, 1]); };
  const passed = 'script, style, noscript, option, .skip, .unseen, .plot';
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest(passed)) continue;
    const style = getComputedStyle(element);
    const back = ground(element);
    const front = over(rgba(element.closest('svg') ? style.fill : style.color), back);
    const [one, other] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) bad.push(`${walker.currentNode.textContent.trim()} (${element.className}): ${ratio.toFixed(2)}`);
  }
  return bad;
})()
"""
