"""Several api processes: what their parent runs."""

from collections.abc import Mapping

from services.api.settings import ApiSettings
from services.runtime import logs
from services.runtime.early_signals import EarlySignals
from services.runtime.processes import several
from services.runtime.processes.ports import check_ports

MODULE = "services.api.processes.one"
"""The module that each process runs, with its number as the argument."""


def main(settings: ApiSettings, environ: Mapping[str, str], early: EarlySignals) -> int:
    """Run until stopped, and return the exit code. Raises CannotListen."""
    logs.configure("api", settings.log_format)
    shared = {"EXPORTD_LISTEN": settings.listen, "EXPORTD_QUEUE_LISTEN": settings.queue_listen}
    check_ports(shared, "EXPORTD_API_METRICS", settings.metrics, settings.processes)
    return several.run(MODULE, settings.processes, environ, early)
