"""`make site` makes pages of docs/ that load nothing from another host."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep

pytest.importorskip("zensical", reason="the extra docs is not installed")

LOADING = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
}
"""Elements that a browser loads something for, and the attribute that says what."""

LOADED_ON_DEMAND = re.compile(r'class="[^"]*\b(mermaid|glightbox|pyodide)\b')
"""What the theme's script would fetch from elsewhere, if a page had it."""


class Loads(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("rel") not in ("next", "prev", "canonical"):
            self.found.append(values.get(LOADING.get(tag, "")) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "site.toml", folder)
    build = [sys.executable, "-m", "zensical", "build", "--strict", "-f", "site.toml"]
    built = subprocess.run(build, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "build" / "site"


def loads(site: Path) -> Iterator[tuple[str, str]]:
    for page in site.rglob("*.html"):
        parser = Loads()
        parser.feed(page.read_text(encoding="utf-8"))
        yield from ((page.name, each) for each in parser.found)
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        yield from ((sheet.name, each) for each in re.findall(r"(?:url\(|@import )[\"']?([^\"')]*)", text))


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    found = [*loads(site)]
    assert len(found) > 100
    assert [each for each in found if re.match(r"(?:[a-z]+:)?//", each[1])] == []


def test_no_page_has_what_the_theme_would_fetch(site: Path) -> None:
    pages = {page.name: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert [name for name, text in pages.items() if LOADED_ON_DEMAND.search(text)] == []


def test_every_page_of_the_documentation_is_in_it_and_can_be_searched(site: Path) -> None:
    sources = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    pages = {str(path).replace("README.html", "index.html") for path in sources}
    assert {page for page in pages if not (site / page).exists()} == set()
    assert "watermark" in (site / "search.json").read_text(encoding="utf-8")
