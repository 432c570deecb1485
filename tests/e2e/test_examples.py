"""The examples of the README and of docs/cli.md do what they say."""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.processes import start_api, start_worker
from tests.e2e.conftest import House
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
FOLDER = Path(sys.executable).parent
DEFAULT_TARGET = "127.0.0.1:50051"


def blocks(page: str, language: str = "") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = re.findall(r"^```([a-z]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for of, block in fenced if of == language]


def commands(page: str) -> Iterator[list[str]]:
    """Lines that call exportctl, without what a comment says."""
    for block in blocks(page):
        for line in block.splitlines():
            if line.removeprefix(".venv/bin/").startswith("exportctl "):
                yield shlex.split(line, comments=True)[1:]


def run(words: list[str | Path], folder: Path, target: str) -> str:
    environment = {**os.environ, "EXPORTD_TARGET": target, "PATH": f"{FOLDER}:{os.environ['PATH']}"}
    ended = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == 0, f"{words} ended with {ended.returncode}: {ended.stderr}"
    return ended.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_the_commands_work_as_they_are_written(quiet_house: House, tmp_path: Path, page: str) -> None:
    lines = [*commands(page)]
    assert len(lines) >= 4
    for words in lines:
        run([FOLDER / "exportctl", *words], tmp_path, quiet_house.target)
    named = [words[words.index("-o") + 1] for words in lines if "-o" in words]
    assert {*named} <= {path.name for path in tmp_path.iterdir()}


def test_the_program_in_python_works_as_it_is_written(quiet_house: House, tmp_path: Path) -> None:
    (program,) = blocks("README.md", "python")
    assert DEFAULT_TARGET in program
    out = run([sys.executable, "-c", program.replace(DEFAULT_TARGET, quiet_house.target)], tmp_path, quiet_house.target)
    state, rows = out.splitlines()[-1].split()
    assert (state, int(rows) > 100_000) == ("COMPLETED", True)
    assert (tmp_path / "flights.xlsx").read_bytes().startswith(b"PK")


def test_the_catalog_and_the_sources_work_as_they_are_written(tmp_path: Path) -> None:
    both = blocks("README.md", "toml")[0].splitlines()
    middle = both[0].index("# sources.toml")  # two files beside each other, the second one behind a #
    (tmp_path / "catalog.toml").write_text("\n".join(line[:middle] for line in both))
    (tmp_path / "sources.toml").write_text("\n".join(line[middle + 1 :] for line in both[1:]))
    with sqlite3.connect(tmp_path / "shop.sqlite3") as shop:
        shop.execute("create table orders (id text primary key, shop_id text, total text)")
        shop.execute("insert into orders values ('a', '7', '1.50'), ('b', '8', '2.50')")
    api = start_api(tmp_path / "catalog.toml", tmp_path / "data", "127.0.0.1:0", "127.0.0.1:0")
    worker = start_worker(tmp_path / "sources.toml", tmp_path / "data", f"127.0.0.1:{api.first_line['queue_port']}")
    try:
        words = [FOLDER / "exportctl", "create", "/shops/7/orders", "-o", "orders.csv"]
        run(words, tmp_path, f"127.0.0.1:{api.first_line['port']}")
    finally:
        worker.terminate()
        api.terminate()
    assert (tmp_path / "orders.csv").read_text().split() == ["id,total", "a,1.50"]
