"""The command that asks a running worker for its health: what containers and service managers call."""

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import TextIO

from services.runtime.metrics import fetched
from services.runtime.startup import CannotStart
from services.worker.settings import from_env

READY, NOT_READY = 0, 1
DEFAULT_TIMEOUT_S = 5.0
_GAUGE = re.compile(r"^exportd_worker_(ready|problems) ([0-9]+)", re.MULTILINE)


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Read the worker's metrics and print its state: 0 while it is ready for jobs, otherwise 1.

    The environment is that of the worker. Raises CannotStart if it serves no metrics.
    """
    timeout_s = _parser().parse_args(arguments).timeout
    metrics = from_env(environ).metrics
    if not metrics:
        raise CannotStart("EXPORTD_WORKER_METRICS is off: the worker's health is read from its metrics")
    state = _state(metrics, timeout_s)
    out.write(f"{state}\n")
    return READY if state == "READY" else NOT_READY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-worker health",
        description="Ask the worker that has these settings whether it is ready. Exit code 0: it is ready; 1: it is "
        "not, because the api does not answer it, or its store, disk, memory or a source has a problem (`exportctl "
        "workers`).",
    )
    parser.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="SECONDS", help=f"default: {DEFAULT_TIMEOUT_S:g}"
    )
    return parser


def _state(metrics: str, timeout_s: float) -> str:
    answer = fetched(metrics, timeout_s)
    if answer is None:
        return "UNAVAILABLE"
    figures = dict(_GAUGE.findall(answer))
    if figures.get("ready") == "1":
        return "READY"
    return f"NOT_READY ({figures.get('problems', 'unknown')} problems)"
