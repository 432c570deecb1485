"""Settings of the api."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from services.api.background.retention import RetentionPolicy
from services.api.domain.leases import LeasePolicy
from services.api.domain.links import DEFAULT_MAX_LIFE, MAX_LIFE, MIN_LIFE, LinkPolicy
from services.api.domain.retry import Backoff
from services.api.notify.settings import NotifySettings
from services.api.oidc.settings import OidcSettings
from services.contract.preview import PREVIEW_S
from services.objects.settings import BucketStore, artifacts_from
from services.runtime.processes.ports import MAX_PROCESSES, metrics_of, note_problems
from services.runtime.settings import SettingsReader, is_address, is_loopback
from services.runtime.tracing.settings import NO_TRACING, TracingSettings
from services.tls.files import TlsFiles, tls_files

DEFAULT_LISTEN = "127.0.0.1:50051"
DEFAULT_QUEUE_LISTEN = "127.0.0.1:50052"

_PUBLIC_URL = re.compile("https?://[!-~]{1,500}")

_NO_TLS = (
    "beyond loopback it needs TLS (EXPORTD_TLS_CERTIFICATE and EXPORTD_TLS_KEY; `exportd-api dev-certificates` makes "
    "some to try out), or EXPORTD_TLS_OFF_BEHIND_PROXY=yes where something else brings it"
)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long callers wait for something that may not come. These values cannot be configured.

    A free worker has an open poll, so if no worker takes a preview within `preview_taken_s`, none is free. A quiet
    watch repeats its last message every `keepalive_s`, since HTTP/2 pings do not cross every proxy.
    """

    preview_taken_s: float = 2.0
    preview_answered_s: float = PREVIEW_S
    keepalive_s: float = 15.0


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """A PostgreSQL database. The URL may contain a password. `pooled` says whether a pooler is in front of it."""

    url: str = field(repr=False)
    pooled: bool = False

    @classmethod
    def read(cls, read: SettingsReader) -> "DatabaseSettings | None":
        """Read the settings; None means SQLite in the data directory."""
        url = read.secret("EXPORTD_DATABASE")
        pooled = read.choice("EXPORTD_DATABASE_POOLED", "off", ("on", "off"))
        if url and not url.startswith(("postgresql://", "postgres://")):
            read.problem("EXPORTD_DATABASE must be a URL such as postgresql://exportd@db.example/exportd")
        return cls(url, pooled == "on") if url else None


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """All settings of the api. Addresses are HOST:PORT. If `metrics` is empty, no metrics are served.

    `process` is the number of this process among several `processes`, starting at 0. It is None if it is not one of
    several.
    """

    catalog: Path
    data_dir: Path
    artifacts: Path | BucketStore
    database: DatabaseSettings | None
    secret_key_file: Path | None
    listen: str
    queue_listen: str
    metrics: str
    connection_age: timedelta
    drain_grace: timedelta
    download_url_life: timedelta
    links: LinkPolicy
    log_format: str
    leases: LeasePolicy
    backoff: Backoff
    tenants: Path | None
    retention: RetentionPolicy
    notify: NotifySettings
    reflection: bool
    secret_key: str = field(default="", repr=False)
    secret_key_command: str = ""
    tls: TlsFiles | None = None
    queue_tls: TlsFiles | None = None
    worker_names: tuple[str, ...] = ()
    tls_off: bool = False
    processes: int = 1
    process: int | None = None
    waits: Waits = Waits()
    oidc: OidcSettings | None = None
    tracing: TracingSettings = NO_TRACING

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "ApiSettings":
        """Read the variables EXPORTD_*. Raises SettingsError with all problems."""
        read = SettingsReader(environ)
        data_dir = read.path("EXPORTD_DATA_DIR", Path("exportd-data"))
        settings = cls(
            catalog=read.required_path("EXPORTD_CATALOG", "the catalog file, such as catalog.toml"),
            data_dir=data_dir,
            artifacts=artifacts_from(read, environ, data_dir / "artifacts"),
            database=DatabaseSettings.read(read),
            secret_key_file=(key_file := read.optional_path("EXPORTD_SECRET_KEY_FILE")),
            secret_key=(key := read.text("EXPORTD_SECRET_KEY", "")),
            secret_key_command=(key_command := read.text("EXPORTD_SECRET_KEY_COMMAND", "")),
            listen=read.address("EXPORTD_LISTEN", DEFAULT_LISTEN),
            queue_listen=read.address("EXPORTD_QUEUE_LISTEN", DEFAULT_QUEUE_LISTEN),
            tls=(tls := tls_files(read, "EXPORTD_TLS_CERTIFICATE", "EXPORTD_TLS_KEY", "EXPORTD_TLS_CLIENT_AUTHORITY")),
            queue_tls=_queue_tls(read, tls),
            worker_names=_names(read.text("EXPORTD_QUEUE_TLS_ALLOWED_NAMES", "")),
            tls_off=read.yes("EXPORTD_TLS_OFF_BEHIND_PROXY"),
            processes=read.integer("EXPORTD_API_PROCESSES", 1, 1, MAX_PROCESSES),
            metrics=read.endpoint_or_off(
                "EXPORTD_API_METRICS",
                "127.0.0.1:9464",
                beyond_loopback=read.yes("EXPORTD_METRICS_BEYOND_LOOPBACK"),
            ),
            connection_age=read.seconds("EXPORTD_CONNECTION_AGE_S", 1800, 1, 7 * 86400),
            drain_grace=read.seconds("EXPORTD_DRAIN_GRACE_S", 60, 0, 3600),
            download_url_life=read.seconds("EXPORTD_DOWNLOAD_URL_LIFE_S", 300, 1, 900),
            links=_links(read),
            log_format=read.choice("EXPORTD_LOG_FORMAT", "auto", ("auto", "json", "human")),
            leases=LeasePolicy(
                confirm_window=read.seconds("EXPORTD_CONFIRM_WINDOW_S", 15, 1, 300),
                ttl=(ttl := read.seconds("EXPORTD_LEASE_TTL_S", 30, 1, 3600)),
                heartbeat_interval=ttl / 3,
                run_timeout=read.seconds("EXPORTD_RUN_TIMEOUT_S", 6 * 3600, 1, 7 * 86400),
                avoidance=2 * ttl,
            ),
            backoff=Backoff(
                base=read.seconds("EXPORTD_RETRY_BASE_S", 5, 0, 3600),
                cap=read.seconds("EXPORTD_RETRY_CAP_S", 300, 0, 86400),
            ),
            tenants=read.optional_path("EXPORTD_TENANTS"),
            retention=RetentionPolicy(
                interval=read.seconds("EXPORTD_SWEEP_INTERVAL_S", 300, 0.1, 86400),
                grace=read.seconds("EXPORTD_SWEEP_GRACE_S", 3600, 0, 7 * 86400),
                rows_kept=read.seconds("EXPORTD_ROWS_KEPT_S", 90 * 86400, 86400, 3660 * 86400),
                audit_kept=timedelta(days=read.integer("EXPORTD_AUDIT_DAYS", 365, 1, 36_500)),
            ),
            notify=NotifySettings.read(read),
            reflection=_reflection(read),
            oidc=OidcSettings.read(read),
            tracing=TracingSettings.read(read, "exportd-api"),
        )
        for name, address, files in (
            ("EXPORTD_LISTEN", settings.listen, settings.tls),
            ("EXPORTD_QUEUE_LISTEN", settings.queue_listen, settings.queue_tls),
        ):
            if is_address(address) and not (is_loopback(address) or files or settings.tls_off):
                read.problem(f"{name} is {address!r}: {_NO_TLS}")
        _check_key(read, settings, [bool(key_file), bool(key), bool(key_command)].count(True))
        _check_several(read, settings)
        read.finish()
        return settings

    def of_process(self, index: int) -> "ApiSettings":
        """Return the settings of process `index` of several."""
        return replace(self, process=index, metrics=metrics_of(self.metrics, index))


def _check_key(read: SettingsReader, settings: ApiSettings, sources: int) -> None:
    """Note a problem if the server's key has more than one source, or none where all processes need the same one."""
    if sources > 1:
        read.problem(
            "EXPORTD_SECRET_KEY, EXPORTD_SECRET_KEY_FILE, EXPORTD_SECRET_KEY_COMMAND: the key comes from one of them"
        )
    if settings.database and not sources:
        read.problem(
            "EXPORTD_DATABASE needs EXPORTD_SECRET_KEY_FILE, EXPORTD_SECRET_KEY or EXPORTD_SECRET_KEY_COMMAND: every "
            "api process on this database has the same key"
        )


def _check_several(read: SettingsReader, settings: ApiSettings) -> None:
    """Note a problem if there are several processes without what they need."""
    if settings.processes == 1:
        return
    if settings.database is None:
        read.problem(
            f"EXPORTD_API_PROCESSES is {settings.processes}: more than one process needs PostgreSQL, EXPORTD_DATABASE"
        )
    note_problems(
        read,
        "EXPORTD_API_PROCESSES",
        settings.processes,
        shared={"EXPORTD_LISTEN": settings.listen, "EXPORTD_QUEUE_LISTEN": settings.queue_listen},
        metrics=("EXPORTD_API_METRICS", settings.metrics),
    )


def _links(read: SettingsReader) -> LinkPolicy:
    longest, most = DEFAULT_MAX_LIFE.total_seconds(), MAX_LIFE.total_seconds()
    return LinkPolicy(
        max_life=read.seconds("EXPORTD_LINK_MAX_LIFE_S", longest, MIN_LIFE.total_seconds(), most),
        public_url=read.parsed(
            "EXPORTD_PUBLIC_URL", "", _public_url, "an https URL such as https://exports.example.com, without a query"
        ),
    )


def _public_url(text: str) -> str:
    """Return the URL without a slash at its end. http is only for loopback: links are secrets."""
    parts = urlsplit(text)
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(f"{parts.hostname}:80"))
    extra = parts.query or parts.fragment or "@" in parts.netloc or "?" in text or "#" in text
    if not encrypted or not parts.hostname or extra or not _PUBLIC_URL.fullmatch(text):
        raise ValueError
    return text.rstrip("/")


def _queue_tls(read: SettingsReader, public: TlsFiles | None) -> TlsFiles | None:
    """Return the certificate of the workers' port: its own one, or that of the callers' port; and its own authority."""
    files = tls_files(read, "EXPORTD_QUEUE_TLS_CERTIFICATE", "EXPORTD_QUEUE_TLS_KEY") or public
    authority = read.optional_path("EXPORTD_QUEUE_TLS_CLIENT_AUTHORITY")
    if files is None and authority:
        read.problem(
            "EXPORTD_QUEUE_TLS_CLIENT_AUTHORITY is of use with EXPORTD_TLS_CERTIFICATE and EXPORTD_TLS_KEY only"
        )
    return replace(files, authority=authority) if files else None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _reflection(read: SettingsReader) -> bool:
    """Whether reflection is served; `auto` means on if the port is on loopback."""
    choice = read.choice("EXPORTD_REFLECTION", "auto", ("auto", "on", "off"))
    return choice == "on" or (choice == "auto" and is_loopback(read.text("EXPORTD_LISTEN", DEFAULT_LISTEN)))
