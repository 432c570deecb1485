"""`python -m demo`: export the sample data. `python -m demo serve`: run all three services until Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from demo.processes import DidNotStart, ServiceProcess, Services, installed, running, start_gateway
from sample import DEMO_ENTITY

SAMPLE = Path("build/sample")
OUT = Path("build/demo")
STATE = Path("build/demo-data")
HTTP_ADDRESS = "127.0.0.1:8080"
ADDRESSES = {"EXPORTD_LISTEN": "127.0.0.1:50051", "EXPORTD_QUEUE_LISTEN": "127.0.0.1:50052"}
PASSED_ON = ("EXPORTD_API_METRICS", "EXPORTD_WORKER_METRICS", "EXPORTD_LOG_FORMAT")


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
    """Run the command; exits with 1 if something did not work."""
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
    """Serve. The environment may set other addresses, another data directory, metrics, and the format of logs."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    listen, queue_listen = (os.environ.get(name, default) for name, default in ADDRESSES.items())
    more = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    data_dir = Path(os.environ.get("EXPORTD_DATA_DIR", STATE))
    with running(SAMPLE, data_dir, listen, queue_listen, **more) as services:
        http = os.environ.get("EXPORTD_GATEWAY_LISTEN", HTTP_ADDRESS)
        gateway = start_gateway(services.target, data_dir, http, begin=installed, **more)
        try:
            for line in (*_invitation(services), *_http_invitation(gateway)):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
            stop.wait()
        finally:
            gateway.terminate()


def _invitation(services: Services) -> Iterator[str]:
    """Yield suggestions of commands that reach these services."""
    moved = services.target != ADDRESSES["EXPORTD_LISTEN"]
    target = f" --target {services.target}" if moved else ""
    yield f"serving on {services.target}"
    yield f"logs: {services.api.log}, {services.worker.log}"
    yield "try, in another terminal:"
    yield f"  .venv/bin/exportctl collections{target}"
    yield f"  .venv/bin/exportctl create /airports -o airports.xlsx{target}"


def _http_invitation(gateway: ServiceProcess) -> Iterator[str]:
    """Yield suggestions of commands that reach the gateway, and the end of the invitation."""
    url = f"http://127.0.0.1:{gateway.first_line['port']}"
    body = '{"uri": "/airports", "format": "FORMAT_CSV"}'
    yield f"or over HTTP (a browser: {url}/docs; log: {gateway.log}):"
    yield f"  curl -H 'Content-Type: application/json' -d '{body}' {url}/v1/exports"
    yield f"  curl '{url}/v1/exports?pageSize=1'"
    yield f"  curl -OJ {url}/v1/exports/ID/content"
    yield "Ctrl-C stops all"


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
    command += ["-o", str(OUT / wanted.file), "--force"]
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
    table.add_column("file")
    table.add_column("state")
    for heading in ("rows", "size", "seconds"):
        table.add_column(heading, justify="right")
    for wanted, export in zip(WANTED, reversed(made), strict=True):
        file, result = export["file"], export["result"]
        table.add_row(
            str(OUT / wanted.file),
            export["state"],
            f"{int(file['rowCount']):,}",
            f"{int(file['sizeBytes']):,}",
            f"{int(result['durationMs']) / 1000:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
