"""Pages agree with the code, their links resolve, and each of their examples is run by a test."""

import json
import re
from pathlib import Path

import pytest

import exportd_client.cli
from exportd.v1 import export_pb2
from exportd_client.cli.exits import Exit
from exportd_client.cli.program import COMMANDS
from exportd_client.enums import names_of
from services.contract.codes import FailureCode
from services.contract.status import BY_REASON
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

RUN = {
    "sh": "tests/e2e/test_examples.py, by the program",
    "console": "tests/e2e/test_examples.py, with its output",
    "python": "tests/e2e/test_examples.py",
    "toml": "tests/e2e/test_examples.py, test_own_database.py; tests/unit/catalog/test_catalog_docs.py",
    "sql": "tests/e2e/test_own_database.py",
    "json": "here",
    "typescript": "tests/e2e/clients",
    "go": "tests/e2e/clients",
    "java": "tests/e2e/clients, which compiles it",
}
"""Languages of blocks, and where those are run. Blocks of `text` are pictures and messages."""

PROGRAMS = {
    "exportctl",
    "exportd-api",
    "exportd-worker",
    "exportd-gateway",
    "curl",
    "make",
    "pkill",
    "eval",
    "export",
    "pip",
    "buf",
    "grpcurl",
    "npm",
}
MAX_README_LINES = 150


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_its_language_which_a_test_runs(page: str) -> None:
    assert {block.language for block in pages.blocks(page)} <= {*RUN, "text"}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_of_a_program_that_there_is(page: str) -> None:
    lines = [re.sub(r"^(\w+=\S+ +)+", "", line).removeprefix(".venv/bin/") for line in pages.commands(page)]
    assert {line.split()[0] for line in lines if not line.startswith("EXPORTD_")} <= PROGRAMS


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_in_a_block_that_nobody_runs(page: str) -> None:
    lines = [line for block in pages.blocks(page, "text") for line in block.text.splitlines()]
    programs = ("exportctl ", "exportd-api ", "exportd-worker ", "EXPORTD_")
    assert [line for line in lines if line.startswith(programs)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^|\n)make ([a-z-]+)", pages.text_of(page))) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: str) -> None:
    broken = []
    for link in pages.links(page):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        if not target.exists() or (anchor and anchor not in pages.anchors(str(target.resolve().relative_to(ROOT)))):
            broken.append(link)
    assert broken == []


def test_pages_of_the_documentation_link_to_nothing_outside_of_it() -> None:
    """They are a site of their own, too."""
    depth = {page: page.count("/") - 1 for page in PAGES if page.startswith("docs/")}
    outside = [f"{page}: {link}" for page in depth for link in pages.links(page) if link.count("../") > depth[page]]
    assert outside == []


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), ["docs/README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.endswith(".md"):
            continue
        reached.add(page)
        files = [link.partition("#")[0] for link in pages.links(page) if not link.startswith(("https://", "http://"))]
        waiting += [str(((ROOT / page).parent / file).resolve().relative_to(ROOT)) for file in files if file]
    assert {page for page in PAGES if page.startswith("docs/")} <= reached


def test_the_readme_is_short_and_its_first_screen_shows_what_it_is() -> None:
    lines = pages.text_of("README.md").splitlines()
    assert len(lines) <= MAX_README_LINES
    first = "\n".join(lines[:45])
    assert all(part in first for part in ("```console\n$ ", "worker ◀", "**Status:**"))


def test_troubleshooting_has_every_code_and_no_other() -> None:
    waiting = set(names_of(export_pb2.Export.WaitReason))
    assert set(pages.table_codes("docs/troubleshoot.md")) == {*BY_REASON, *FailureCode, *waiting}


@pytest.mark.parametrize("page", PAGES)
def test_a_block_of_json_is_json(page: str) -> None:
    for block in pages.blocks(page, "json"):
        json.loads(block.text)


def test_the_page_of_the_command_line_has_every_command_and_exit_code() -> None:
    page = pages.text_of("docs/cli.md")
    listed = [re.findall(r"`([a-z]+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    assert {name for names in listed for name in names} == {name for names in COMMANDS.values() for name in names}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == {*Exit}


RIDDLES = re.compile(r"\b(MOOD|HELD|SILENT|AT ONCE|round again|[Ww]hat passes|every mistake at once)\b")


def test_no_page_and_no_help_has_a_riddle_again() -> None:
    help_texts = Path(exportd_client.cli.__file__).parent.glob("*.py")
    read = [*(ROOT / page for page in PAGES), *help_texts]
    found = [f"{path.name}: {hit[0]}" for path in read for hit in RIDDLES.finditer(path.read_text(encoding="utf-8"))]
    assert found == []
