"""The examples of the README and of docs/ do what they say. tests/docs/test_pages.py sees that there are no others."""

import base64
import fcntl
import os
import pty
import re
import shlex
import sqlite3
import struct
import subprocess
import sys
import termios
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.processes import Begin, start_api, start_worker
from services.api import tenants
from services.api.domain.callbacks import CallbackFormat
from services.api.notify.signing import signed_event
from services.api.settings import ApiSettings
from tests.docs import pages
from tests.e2e.conftest import House
from tests.patience import PATIENCE_S
from tests.servers.warm_exportctl import warm_exportctl
from tests.tiers import deep, deep_but

FOLDER = Path(sys.executable).parent
DEFAULT_TARGET = "127.0.0.1:50051"
WALKS = {"docs/your-own-database.md", "docs/credentials.md"}
"""Their commands need services of their own: test_own_database.py, test_credentials_page.py."""


def exportctl_lines(page: str) -> list[str]:
    lines = (line.removeprefix(".venv/bin/") for line in pages.commands(page))
    return [re.sub(r'^eval "\$\((.*)\)"', r"\1", line) for line in lines if "exportctl " in line.partition("#")[0]]


WITH_COMMANDS = [page for page in pages.PAGES if page not in WALKS and exportctl_lines(page)]


def environment(folder: Path, target: str, *programs: Path) -> dict[str, str]:
    """With a home of its own, where the shells' folders are, and these programs before others of their names."""
    (folder / ".config/fish/completions").mkdir(parents=True, exist_ok=True)
    path = ":".join([*(str(program.parent) for program in programs), str(FOLDER), os.environ["PATH"]])
    return {**os.environ, "EXPORTD_TARGET": target, "PATH": path, "HOME": str(folder)}


def run(words: list[str | Path], folder: Path, target: str, *programs: Path) -> str:
    ended = subprocess.run(
        words,
        cwd=folder,
        env=environment(folder, target, *programs),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, f"{words} ended with {ended.returncode}: {ended.stderr}"
    return ended.stdout


@pytest.fixture
def exportctl() -> Path:
    """The program, forked for each start."""
    return warm_exportctl().command("exportctl")


@pytest.mark.parametrize("page", deep_but(WITH_COMMANDS, "README.md", "docs/cli.md"))
def test_the_commands_work_as_they_are_written(quiet_house: House, tmp_path: Path, page: str, exportctl: Path) -> None:
    for line in exportctl_lines(page):
        run(["bash", "-c", line], tmp_path, quiet_house.target, exportctl)
    words = [shlex.split(line, comments=True) for line in exportctl_lines(page)]
    named = [each[each.index("-o") + 1] for each in words if "-o" in each]
    assert {*named} <= {path.name for path in tmp_path.iterdir()}


def on_a_terminal(line: str, folder: Path, target: str, exportctl: Path) -> str:
    """What a shell shows of a command in a window of 80 columns; of its stderr, only what it fails with."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    settings = environment(folder, target, exportctl) | {"EXPORTD_TENANT": "reader"}
    began = subprocess.Popen(["bash", "-c", line], cwd=folder, env=settings, stdout=terminal, stderr=subprocess.PIPE)
    os.close(terminal)
    _, said = began.communicate(timeout=PATIENCE_S)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how Linux says that nobody writes there any more
        pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n") + (said.decode() if began.returncode else "")


def without_what_changes(text: str) -> str:
    """Ids, sizes, seconds and ages are others each time; so is the room for them."""
    for changing in (
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        r"[\d.,]+ [kM]?B\b",
        r"[\d,]+ bytes",
        r"\b\d+s\b",
        r"\b\d+\.\d$",
    ):
        text = re.sub(changing, "…", text, flags=re.MULTILINE)
    return "\n".join(re.sub(r" +", " ", line).strip() for line in text.strip().splitlines())


@pytest.mark.parametrize("page", [page for page in pages.PAGES if pages.blocks(page, "console")])
def test_a_transcript_shows_what_a_terminal_shows(
    quiet_house: House, tmp_path: Path, page: str, exportctl: Path
) -> None:
    for block in pages.blocks(page, "console"):
        steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE)
        assert len(steps) > 1
        for line, output in steps:
            shown = on_a_terminal(line, tmp_path, quiet_house.target, exportctl)
            assert without_what_changes(shown) == without_what_changes(output), line


@pytest.mark.parametrize("page", deep_but(["README.md", "docs/clients.md"], "README.md"))
def test_the_program_in_python_works_as_it_is_written(quiet_house: House, tmp_path: Path, page: str) -> None:
    program = pages.blocks(page, "python")[0].text
    assert DEFAULT_TARGET in program
    run([sys.executable, "-c", program.replace(DEFAULT_TARGET, quiet_house.target)], tmp_path, quiet_house.target)
    assert [path.name for path in tmp_path.iterdir() if path.is_file() and path.stat().st_size > 1000]


def test_the_catalog_and_the_sources_work_as_they_are_written(tmp_path: Path, forked: Begin, exportctl: Path) -> None:
    both = pages.blocks("README.md", "toml")[0].text.splitlines()
    middle = both[0].index("# sources.toml")  # two files beside each other, the second one behind a #
    (tmp_path / "catalog.toml").write_text("\n".join(line[:middle] if "#" in line else line for line in both))
    (tmp_path / "sources.toml").write_text("\n".join(line[middle + 1 :] for line in both[1:] if "#" in line))
    with sqlite3.connect(tmp_path / "shop.sqlite3") as shop:
        shop.execute("create table orders (id text primary key, shop_id text, total text)")
        shop.execute("insert into orders values ('a', '7', '1.50'), ('b', '8', '2.50')")
    data = tmp_path / "data"
    api = start_api(tmp_path / "catalog.toml", data, "127.0.0.1:0", "127.0.0.1:0", begin=forked)
    queue = f"127.0.0.1:{api.first_line['queue_port']}"
    worker = start_worker(tmp_path / "sources.toml", data, queue, begin=forked)
    try:
        words = [exportctl, "create", "/shops/7/orders", "-o", "orders.csv"]
        run(words, tmp_path, f"127.0.0.1:{api.first_line['port']}")
    finally:
        worker.terminate()
        api.terminate()
    assert (tmp_path / "orders.csv").read_text().split() == ["id,total", "a,1.50"]


@deep
def test_the_services_answer_as_the_page_for_operators_says(quiet_house: House, tmp_path: Path) -> None:
    lines = [
        line.partition("#")[0].split() for line in pages.commands("docs/operate.md") if line.startswith("exportd-")
    ]
    settings = {
        "EXPORTD_CATALOG": quiet_house.sample / "catalog.toml",
        "EXPORTD_SOURCES": quiet_house.sample / "sources.toml",
        "EXPORTD_DATA_DIR": quiet_house.data_dir,
        "EXPORTD_LISTEN": quiet_house.target,
        "EXPORTD_WORKER_METRICS": quiet_house.worker_metrics,
    }
    given = [f"{name}={value}" for name, value in settings.items()]
    said = {" ".join(line): run(["env", *given, *line], tmp_path, DEFAULT_TARGET) for line in lines}
    assert {line: text.split()[0] for line, text in said.items() if "health" in line} == {
        "exportd-api health": "SERVING",
        "exportd-worker health": "READY",
    }
    assert all("FAULT" not in text for text in said.values())
    assert {"exportd-api --help", "exportd-api --version", "exportd-api doctor"} <= {*said}


def test_signals_reach_the_services_by_the_names_of_the_page(quiet_house: House) -> None:
    names = {Path(f"/proc/{process.pid}/comm").read_text().strip() for process in quiet_house.processes}
    signalled = {
        line.split()[3] for page in pages.PAGES for line in pages.commands(page) if line.startswith("pkill -HUP -x ")
    }
    assert signalled == names


def test_the_tenants_file_is_one(tmp_path: Path) -> None:
    (block,) = [b for b in pages.blocks("docs/operate.md", "toml") if b.text.startswith("# tenants.toml")]
    (tmp_path / "tenants.toml").write_text(block.text)
    read = tenants.load(tmp_path / "tenants.toml")
    assert (read.fairness.share("acme").weight, len(read.callback_secrets["acme"])) == (2.0, 1)


def test_the_settings_for_trying_callbacks_are_taken(tmp_path: Path) -> None:
    (line,) = [line for line in pages.commands("docs/notifications.md") if line.startswith("EXPORTD_")]
    environ = dict(word.split("=", 1) for word in shlex.split(line))
    rules = ApiSettings.from_env({**environ, "EXPORTD_CATALOG": "catalog.toml"}).notify.callbacks
    assert (rules.http, bool(rules.networks), 8000 in rules.ports[0]) == (True, True, True)


def test_a_receiver_verifies_as_the_page_says() -> None:
    from standardwebhooks.webhooks import Webhook  # noqa: PLC0415 - the example imports it itself

    secret = "whsec_c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtMzI="
    program, _ = pages.blocks("docs/notifications.md", "python")
    body, _ = (block.text for block in pages.blocks("docs/notifications.md", "json"))
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }
    names = {"body": body, "headers": headers}
    exec(program.text.replace("whsec_…", secret), names)  # noqa: S102 - the example of a page of ours
    assert names["notice"]["status"] == "COMPLETED"  # type: ignore[index]


@pytest.mark.parametrize(("age_s", "taken"), [(0, True), (290, True), (310, False)])
def test_a_receiver_of_events_verifies_as_the_page_says(age_s: int, taken: bool) -> None:
    _, program = pages.blocks("docs/notifications.md", "python")
    _, body = (block.text.encode() for block in pages.blocks("docs/notifications.md", "json"))
    secret = b"x" * 24
    headers = signed_event(datetime.now(UTC) - timedelta(seconds=age_s), body, (secret,))
    names: dict[str, Any] = {"body": body, "headers": headers}
    text = program.text.replace("whsec_…", "whsec_" + base64.b64encode(secret).decode())
    if taken:
        exec(text, names)  # noqa: S102 - the example of a page of ours
        assert names["event"]["type"] == "export.updated"
    else:
        with pytest.raises(ValueError, match="not from exportd"):
            exec(text, names)  # noqa: S102


def test_the_tenants_file_of_events_is_one(tmp_path: Path) -> None:
    (block,) = pages.blocks("docs/notifications.md", "toml")
    (tmp_path / "tenants.toml").write_text(block.text)
    assert tenants.load(tmp_path / "tenants.toml").callbacks["acme"].format is CallbackFormat.SYNTAGE
