"""Settings of the gateway, read from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from exportd_client.channel import Endpoint, Tls, endpoint, is_local
from services.gateway.http.limits import Limits
from services.runtime.processes.ports import MAX_PROCESSES, metrics_of, note_problems
from services.runtime.settings import SettingsReader, is_address, is_loopback
from services.runtime.tracing.settings import NO_TRACING, TracingSettings
from services.tls.files import TlsFiles, tls_files

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_TARGET = "127.0.0.1:50051"
SYSTEM = "system"
"""In place of the file of an authority: those that come with gRPC."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """All settings of the gateway. `listen` is HOST:PORT. If `metrics` is empty, no metrics are served.

    `process` is the number of this process among several `processes`, starting at 0. It is None if it is not one of
    several.
    """

    listen: str
    api: Endpoint
    tls: TlsFiles | None
    metrics: str
    limits: Limits
    call_timeout: timedelta
    drain_grace: timedelta
    log_format: str
    processes: int = 1
    process: int | None = None
    tracing: TracingSettings = NO_TRACING

    def of_process(self, index: int) -> "GatewaySettings":
        """Return the settings of process `index` of several."""
        return replace(self, process=index, metrics=metrics_of(self.metrics, index))

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the gateway."""
        return is_loopback(self.listen)


def from_env(environ: Mapping[str, str]) -> GatewaySettings:
    """Read the settings. Raises SettingsError with all problems."""
    read = SettingsReader(environ)
    tls_off = read.yes("EXPORTD_TLS_OFF_BEHIND_PROXY")
    settings = GatewaySettings(
        listen=read.address("EXPORTD_GATEWAY_LISTEN", DEFAULT_LISTEN),
        api=_api(read, tls_off=tls_off),
        tls=tls_files(
            read,
            "EXPORTD_GATEWAY_TLS_CERTIFICATE",
            "EXPORTD_GATEWAY_TLS_KEY",
            "EXPORTD_GATEWAY_TLS_CLIENT_AUTHORITY",
        ),
        metrics=read.endpoint_or_off(
            "EXPORTD_GATEWAY_METRICS",
            "127.0.0.1:9466",
            beyond_loopback=read.yes("EXPORTD_METRICS_BEYOND_LOOPBACK"),
        ),
        limits=Limits(
            connections=read.integer("EXPORTD_GATEWAY_MAX_CONNECTIONS", 1024, 1, 65_536),
            connections_of_address=read.integer("EXPORTD_GATEWAY_MAX_CONNECTIONS_OF_ADDRESS", 0, 0, 65_536),
            idle=read.seconds("EXPORTD_GATEWAY_IDLE_TIMEOUT_S", 30, 0.1, 3600),
            body=read.seconds("EXPORTD_GATEWAY_BODY_TIMEOUT_S", 30, 0.1, 3600),
        ),
        call_timeout=read.seconds("EXPORTD_GATEWAY_CALL_TIMEOUT_S", 60, 0.1, 3600),
        drain_grace=read.seconds("EXPORTD_DRAIN_GRACE_S", 60, 0, 3600),
        log_format=read.choice("EXPORTD_LOG_FORMAT", "auto", ("auto", "json", "human")),
        processes=read.integer("EXPORTD_GATEWAY_PROCESSES", 1, 1, MAX_PROCESSES),
        tracing=TracingSettings.read(read, "exportd-gateway"),
    )
    if settings.processes > 1:
        note_problems(
            read,
            "EXPORTD_GATEWAY_PROCESSES",
            settings.processes,
            shared={"EXPORTD_GATEWAY_LISTEN": settings.listen},
            metrics=("EXPORTD_GATEWAY_METRICS", settings.metrics),
        )
    if is_address(settings.listen) and not (settings.is_local or settings.tls or tls_off):
        read.problem(
            f"EXPORTD_GATEWAY_LISTEN is {settings.listen!r}: beyond loopback it needs TLS "
            "(EXPORTD_GATEWAY_TLS_CERTIFICATE and EXPORTD_GATEWAY_TLS_KEY), or EXPORTD_TLS_OFF_BEHIND_PROXY=yes where "
            "something else brings it"
        )
    read.finish()
    return settings


def _api(read: SettingsReader, *, tls_off: bool) -> Endpoint:
    """Return the address of the api. Each call brings the credentials of its caller, so that there are none here."""
    target, tls = read.text("EXPORTD_TARGET", DEFAULT_TARGET), _tls(read)
    try:
        found = endpoint(target, "", tls or False, "")
    except ValueError as wrong:
        read.problem(f"EXPORTD_TARGET is {target!r}: {wrong}")
        return endpoint(DEFAULT_TARGET, "", False, "")
    if not (tls or tls_off or is_local(found.target)):
        read.problem(
            f"EXPORTD_TARGET is {target!r}: beyond loopback it needs TLS (EXPORTD_TLS_AUTHORITY), or "
            "EXPORTD_TLS_OFF_BEHIND_PROXY=yes where something else brings it"
        )
    return found


def _tls(read: SettingsReader) -> Tls | None:
    authority = read.text("EXPORTD_TLS_AUTHORITY", "")
    own = tls_files(read, "EXPORTD_TLS_CLIENT_CERTIFICATE", "EXPORTD_TLS_CLIENT_KEY")
    if own and not authority:
        read.problem("EXPORTD_TLS_CLIENT_CERTIFICATE is of use with EXPORTD_TLS_AUTHORITY only")
    server_name = read.text("EXPORTD_TLS_SERVER_NAME", "")
    if server_name and not authority:
        read.problem("EXPORTD_TLS_SERVER_NAME is of use with EXPORTD_TLS_AUTHORITY only")
    if not authority:
        return None
    ca = None if authority == SYSTEM else Path(authority).expanduser()
    return Tls(ca, own.certificate if own else None, own.key if own else None, server_name)
