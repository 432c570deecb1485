"""What the README says is what the code does."""

import re
from pathlib import Path

from exportd_client.cli.exits import Exit
from exportd_client.cli.program import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CLIENT = ROOT / "clients" / "python" / "exportd_client"
SOURCES = [path for folder in (ROOT / "services", CLIENT) for path in folder.rglob("*.py")]


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


def test_the_page_of_the_command_line_has_every_command_and_exit_code() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    listed = [re.findall(r"`([a-z]+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    assert {name for names in listed for name in names} == {name for names in COMMANDS.values() for name in names}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == {*Exit}


RIDDLES = re.compile(r"\b(MOOD|HELD|SILENT|AT ONCE|round again|[Ww]hat passes|every mistake at once)\b")


def test_no_page_and_no_help_has_a_riddle_again() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *(CLIENT / "cli").glob("*.py")]
    found = [f"{path.name}: {hit[0]}" for path in pages for hit in RIDDLES.finditer(path.read_text(encoding="utf-8"))]
    assert found == []
