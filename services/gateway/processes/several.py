"""Several gateway processes: what their parent runs."""

from collections.abc import Mapping

from services.gateway.settings import GatewaySettings
from services.runtime import logs
from services.runtime.early_signals import EarlySignals
from services.runtime.processes import several
from services.runtime.processes.ports import check_ports

MODULE = "services.gateway.processes.one"
"""The module that each process runs, with its number as the argument."""


def main(settings: GatewaySettings, environ: Mapping[str, str], early: EarlySignals) -> int:
    """Run until stopped, and return the exit code. Raises CannotListen."""
    logs.configure("gateway", settings.log_format)
    shared = {"EXPORTD_GATEWAY_LISTEN": settings.listen}
    check_ports(shared, "EXPORTD_GATEWAY_METRICS", settings.metrics, settings.processes)
    return several.run(MODULE, settings.processes, environ, early)
