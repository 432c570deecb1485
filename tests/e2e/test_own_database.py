"""docs/your-own-database.md, step by step, on a database as the page describes it."""

import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.processes import Begin, start_api, start_worker
from services.worker.sources import settings
from tests.docs import pages
from tests.patience import PATIENCE_S
from tests.servers import databases
from tests.servers.warm import WarmProgram
from tests.tiers import deep

PAGE = "docs/your-own-database.md"
PROGRAMS = Path(sys.executable).parent
FLIGHTS = """
create table "Carriers" (code text primary key, name text not null);
insert into "Carriers" values ('AA', 'American'), ('UA', 'United');
create table "Flight Log" (
  "Flight No" integer primary key,
  "Carrier" text not null references "Carriers" (code),
  "dep. time" timestamp,
  "arr delay (min)" real
);
insert into "Flight Log" values
  (1, 'AA', '2013-01-01 10:00:00', 61.5), (2, 'AA', '2013-01-02 10:00:00', 5.0), (3, 'UA', '2013-01-03 10:00:00', 90.0);
"""


@dataclass
class Reader:
    """Somebody who follows the page in a folder."""

    folder: Path
    programs: tuple[Path, ...]
    target: str = ""

    def run(self, line: str, code: int = 0) -> str:
        """A line of the page; its output."""
        path = ":".join(map(str, (*self.programs, PROGRAMS, os.environ["PATH"])))
        environ = {**os.environ, "PATH": path, "EXPORTD_TARGET": self.target}
        ended = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == code, f"{line}: {ended.stderr}"
        return ended.stdout


def line_of(*parts: str) -> str:
    """The one command of the page with all of these."""
    (line,) = [line for line in pages.commands(PAGE) if all(part in line for part in parts)]
    return line


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, warm_programs: Mapping[str, WarmProgram]) -> Reader:
    """Steps 1 and 2 are done: sources.toml is the first one of the page, catalog.toml the draft."""
    warm = tuple(program.command(name).parent for name, program in warm_programs.items())
    reader = Reader(tmp_path_factory.mktemp("own"), warm)
    with sqlite3.connect(reader.folder / "flights.db") as flights:
        flights.executescript(FLIGHTS)
    (reader.folder / "sources.toml").write_text(pages.blocks(PAGE, "toml")[0].text)
    reader.run(line_of("introspect shop"))
    return reader


def test_the_draft_has_what_the_page_shows(reader: Reader) -> None:
    drafted = tomllib.loads((reader.folder / "catalog.toml").read_text())["collections"]
    shown = [block.text for block in pages.blocks(PAGE, "toml") if block.text.startswith("# catalog.toml")]
    assert len(shown) == 2
    for block in shown:
        for name, collection in tomllib.loads(block)["collections"].items():
            assert {key: drafted[name][key] for key in collection} == collection


@deep
def test_the_draft_is_sound_as_it_is(reader: Reader) -> None:
    assert "valid" in reader.run(line_of("exportd-api catalog check"))
    assert "no problem" in reader.run(line_of("exportd-worker check", "--catalog"))


@deep
def test_the_check_says_what_the_page_shows(reader: Reader) -> None:
    draft = (reader.folder / "catalog.toml").read_text()
    flight_log = draft.index("[collections.FlightLog]")
    wrong = draft[flight_log:].replace('name = "dep. time"', 'name = "dep_time"', 1)
    wrong = wrong.replace('type = "float"', 'type = "integer"', 1)
    (reader.folder / "wrong.toml").write_text(draft[:flight_log] + wrong)
    said = reader.run(line_of("exportd-worker check", "--catalog").replace("catalog.toml", "wrong.toml"), code=1)
    (shown,) = pages.blocks(PAGE, "text")
    assert [line for line in shown.text.splitlines() if line not in said.splitlines()] == []


def test_the_exports_work_as_they_are_written(reader: Reader, forked: Begin) -> None:
    data = reader.folder / "data"
    api = start_api(reader.folder / "catalog.toml", data, "127.0.0.1:0", "127.0.0.1:0", begin=forked)
    queue = f"127.0.0.1:{api.first_line['queue_port']}"
    worker = start_worker(reader.folder / "sources.toml", data, queue, begin=forked)
    reader.target = f"127.0.0.1:{api.first_line['port']}"
    try:
        for line in pages.commands(PAGE):
            if line.startswith("exportctl "):
                reader.run(line)
    finally:
        worker.terminate()
        api.terminate()
    assert (reader.folder / "late.xlsx").read_bytes().startswith(b"PK")


@pytest.mark.parametrize("number", range(4))
def test_every_sources_file_of_the_page_is_sound(tmp_path: Path, number: int) -> None:
    blocks = [block.text for block in pages.blocks(PAGE, "toml") if block.text.startswith("# sources.toml")]
    assert len(blocks) == 4
    (tmp_path / "shop.password").write_text("secret\n")
    (tmp_path / "sources.toml").write_text(blocks[number])
    assert settings.load(tmp_path / "sources.toml", {"SHOP_PASSWORD": "secret"})


def test_postgresql_needs_no_more_than_the_role_of_the_page() -> None:
    """Roles are of a whole server, so that this one has a name of its own."""
    (block,) = pages.blocks(PAGE, "sql")
    role = f"exporter_{os.getpid()}"
    statements = re.sub(r"\bexporter\b", role, block.text).strip().split("\n")
    url = databases.new_database("create table t (a int)", "insert into t values (1)", *statements)
    databases.run(url, f"set role {role}", "select a from t")
    with pytest.raises(Exception, match="permission denied"):
        databases.run(url, f"set role {role}", "insert into t values (2)")
    databases.run(url, f"drop owned by {role}", f"drop role {role}")
