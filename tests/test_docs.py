"""What the README says is what the code does."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SOURCES = [path for folder in ("services", "exportd_client") for path in (ROOT / folder).rglob("*.py")]


def _table(heading: str) -> list[list[str]]:
    """Rows of the first table below a heading, without its head; code marks are stripped."""
    section = README.split(f"\n## {heading}\n")[1]
    lines = section.split("\n|", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_setting_is_documented_and_no_other() -> None:
    used = {name for path in SOURCES for name in re.findall(r'"(EXPORTD_[A-Z_]+)"', path.read_text())}
    assert {row[0] for row in _table("Settings")} == used


def test_the_pages_that_the_readme_links_to_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)", README)
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def test_the_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets
