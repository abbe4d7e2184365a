"""The HTML page of `fastbuild reorder` in a real browser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.reports.reorder import as_html
from tests.live.browser import browsing, chromium
from tests.reports.suggestions import ALL, real
from tests.reports.test_reorder import HOSTILE, MANY, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.browser import Page

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(chromium() is None, reason="no Chromium is installed (Debian: apt install chromium)"),
]

PAGES = {
    **ALL,
    "many": real(MANY, app_py=""),
    "stages": real(STAGES, requirements_txt="flask==3.0.0\n", app_py=""),
    "hostile": real(HOSTILE, path="x" * 300 + "/<b>", requirements_txt="a==1", app_py=""),
}
PAGES["hostile"] = replace(PAGES["hostile"], why_assumed="w" * 300)
PAPER = "getComputedStyle(document.body).backgroundColor"


def spread(page: Page, width: int) -> list[str]:
    """The elements that reach over the right edge, those in boxes that scroll left out."""
    beyond = f"e.getBoundingClientRect().right > {width + 1} && !e.closest('.scroll, pre, .bar')"
    elements = "[...document.querySelectorAll('*')]"
    return list(page.value(f"{elements}.filter(e => {beyond}).map(e => e.outerHTML.slice(0, 99))"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_every_screen_and_logs_nothing(
    name: str, width: int, page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.write_text(as_html.render(PAGES[name], why=True), encoding="utf-8")
    page.said.clear()
    page.open(file.as_uri(), width)
    assert page.value("document.title").startswith("fastbuild reorder: ")
    assert spread(page, width) == []
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("document.fonts.ready && performance.getEntriesByType('resource').length") == 0
    assert page.said == []


def test_the_page_follows_the_readers_colours(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(as_html.render(ALL["proved"]), encoding="utf-8")
    page.open(file.as_uri(), 800)
    assert page.value(PAPER) == "rgb(255, 255, 255)"
    page.open(file.as_uri(), 800, dark=True)
    assert page.value(PAPER) == "rgb(22, 25, 28)"


def test_an_error_in_a_page_would_be_seen(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><div style='width: 900px'>x</div><script>nothing()</script>")
    page.said.clear()
    page.open(file.as_uri(), 390)
    assert spread(page, 390) != []
    assert any("nothing is not defined" in said for said in page.said)
    page.said.clear()


def test_names_reach_a_screen_reader_and_boxes_the_keyboard(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(as_html.render(ALL["proved"]), encoding="utf-8")
    page.open(file.as_uri(), 390)
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    }
    pictures = sorted(name for role, name in named if role in ("image", "img"))
    assert [name.split(":")[0].split(" steps")[0] for name in pictures] == ["7", "after", "now"]
    assert ("region", "Unified diff") in named
    assert page.value("document.querySelectorAll('[tabindex=\"0\"]').length") == 3
