"""The command that asks a running gateway for its health: what containers and service managers call."""

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import TextIO

from services.gateway.settings import from_env
from services.runtime.metrics import fetched
from services.runtime.startup import CannotStart

READY, NOT_READY = 0, 1
DEFAULT_TIMEOUT_S = 5.0
_GAUGE = re.compile(r"^exportd_gateway_ready ([01])", re.MULTILINE)


def run(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO) -> int:
    """Read the gateway's metrics and print its state: 0 while it serves and reaches the api, otherwise 1.

    The environment is that of the gateway. Raises CannotStart if it serves no metrics.
    """
    timeout_s = _parser().parse_args(arguments).timeout
    metrics = from_env(environ).metrics
    if not metrics:
        raise CannotStart("EXPORTD_GATEWAY_METRICS is off: the gateway's health is read from its metrics")
    state = _state(metrics, timeout_s)
    out.write(f"{state}\n")
    return READY if state == "READY" else NOT_READY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exportd-gateway health",
        description="Ask the gateway of these settings whether it is ready. Exit code 0: it is; 1: it is not: "
        "it does not answer, is about to stop, or does not reach the api.",
    )
    parser.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="SECONDS", help=f"default: {DEFAULT_TIMEOUT_S:g}"
    )
    return parser


def _state(metrics: str, timeout_s: float) -> str:
    answer = fetched(metrics, timeout_s)
    if answer is None:
        return "UNAVAILABLE"
    return "READY" if _GAUGE.findall(answer) == ["1"] else "NOT_READY"
