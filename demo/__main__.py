"""`python -m demo`: the main job on the sample data. `python -m demo serve`: both services until Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.processes import DidNotStart, Services, running
from sample import DEMO_ENTITY

SAMPLE = Path("build/sample")
OUT = Path("build/demo")
STATE = Path("build/demo-data")
ADDRESSES = {"EXPORTD_LISTEN": "127.0.0.1:50051", "EXPORTD_QUEUE_LISTEN": "127.0.0.1:50052"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One export of the demonstration."""

    uri: str
    format: str
    file: str
    file_types: tuple[str, ...] = ()


WANTED = (
    Wanted(
        f"/entities/{DEMO_ENTITY}/invoices?issuedAt[after]=2026-01-01", "xlsx", "invoices.zip", ("invoice.cfdi.xml",)
    ),
    Wanted("/flights", "xlsx", "flights.xlsx"),
    Wanted("/flights", "csv", "flights.csv"),
)


def main() -> None:
    """Run what the command line names; exits with 1 when something did not work."""
    console = Console()
    try:
        if sys.argv[1:] == ["serve"]:
            _serve(console)
        else:
            _demonstrate(console)
    except DidNotStart as problem:
        console.print(str(problem), markup=False)
        sys.exit(1)


def _serve(console: Console) -> None:
    """The environment may name other addresses and another data directory."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    listen, queue_listen = (os.environ.get(name, default) for name, default in ADDRESSES.items())
    with running(SAMPLE, Path(os.environ.get("EXPORTD_DATA_DIR", STATE)), listen, queue_listen) as services:
        console.print(f"serving on {services.target}; logs: {services.api.log}, {services.worker.log}", highlight=False)
        console.print("try, in another terminal:  .venv/bin/exportctl collections", highlight=False)
        console.print("then:  .venv/bin/exportctl create /airports --wait -o airports.xlsx", highlight=False)
        console.print("Ctrl-C stops both", highlight=False)
        stop.wait()


def _demonstrate(console: Console) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    label = f"demo={uuid.uuid4().hex[:12]}"
    started = time.monotonic()
    with running(SAMPLE, STATE, "127.0.0.1:0", "127.0.0.1:0") as services:
        for wanted in WANTED:
            _create(console, services, wanted, label)
        made = json.loads(_exportctl(services, "--output", "json", "list", "--label", label))["exports"]
        console.print(_table(made))
    console.print(f"done in {time.monotonic() - started:.1f} s; both services stopped cleanly", highlight=False)


def _create(console: Console, services: Services, wanted: Wanted, label: str) -> None:
    options = [option for file_type in wanted.file_types for option in ("--file-type", file_type)]
    command = ["create", wanted.uri, "--format", wanted.format, *options, "--label", label]
    command += ["--wait", "-o", str(OUT / wanted.file)]
    console.print(f"\n$ exportctl {' '.join(command)}", style="bold", highlight=False, markup=False, soft_wrap=True)
    status = subprocess.run([_program(), "--target", services.target, *command], check=False).returncode
    if status:
        console.print(f"exportctl ended with {status}; see {services.api.log} and {services.worker.log}")
        sys.exit(1)


def _exportctl(services: Services, *arguments: str) -> str:
    command = [_program(), "--target", services.target, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _program() -> str:
    return str(Path(sys.executable).with_name("exportctl"))


def _table(made: list[dict[str, Any]]) -> Table:
    table = Table(title="What was made")
    for heading in ("file", "state", "rows", "size", "seconds", "sha256"):
        table.add_column(heading, overflow="fold")
    for wanted, export in zip(WANTED, reversed(made), strict=True):
        file, result = export["file"], export["result"]
        table.add_row(
            str(OUT / wanted.file),
            export["state"],
            f"{int(file['rowCount']):,}",
            f"{int(file['sizeBytes']):,}",
            f"{int(result['durationMs']) / 1000:.2f}",
            file["sha256"],
        )
    return table


if __name__ == "__main__":
    main()
