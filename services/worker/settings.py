"""Settings of the worker, read from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.objects.settings import BucketStore, artifacts_from
from services.runtime.settings import SettingsReader, is_address, is_loopback
from services.runtime.tracing.settings import NO_TRACING, TracingSettings
from services.tls.files import tls_files
from services.worker.artifacts.settings import ArtifactSettings, FolderStore
from services.worker.concurrency.threads import threads_for
from services.worker.queue.credentials import QueueCredentials


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Settings of a worker.

    `slots` is the number of jobs that run at the same time, `threads` the number of threads of each stage of a job.
    `scratch` is a folder for temporary data. An empty `metrics` means that metrics are not served. `mask_key` is the
    key for hashes of masked values, or the file with it; empty means that there is none.
    """

    queue_address: str
    credentials: QueueCredentials
    artifacts: ArtifactSettings
    scratch: Path
    sources: Path
    mask_key: str | Path = field(repr=False)
    slots: int
    threads: int
    metrics: str
    drain_grace: timedelta
    orphan_timeout: timedelta
    no_progress_timeout: timedelta
    log_format: str
    tracing: TracingSettings = NO_TRACING


def _credentials(read: SettingsReader) -> QueueCredentials:
    return QueueCredentials(
        authority=read.text("EXPORTD_QUEUE_TLS_AUTHORITY", ""),
        identity=tls_files(read, "EXPORTD_QUEUE_TLS_CERTIFICATE", "EXPORTD_QUEUE_TLS_KEY"),
        token=read.secret_or_file("EXPORTD_QUEUE_TOKEN"),
    )


def _scratch(artifacts: Path | BucketStore, data_dir: Path) -> Path:
    """Return the default scratch folder: beside the artifacts, where there is room for files of that size.

    A bucket cannot hold temporary data.
    """
    return data_dir / "scratch" if isinstance(artifacts, BucketStore) else artifacts / ".scratch"


def from_env(environ: Mapping[str, str]) -> WorkerSettings:
    """Read the settings. Raises SettingsError with all problems."""
    read = SettingsReader(environ)
    folder = read.path("EXPORTD_DATA_DIR", Path("exportd-data"))
    artifacts = artifacts_from(read, environ, folder / "artifacts")
    tls_off = read.yes("EXPORTD_TLS_OFF_BEHIND_PROXY")
    slots = read.integer("EXPORTD_SLOTS", 2, 1, 64)
    settings = WorkerSettings(
        queue_address=read.address("EXPORTD_QUEUE_ADDRESS", "127.0.0.1:50052"),
        credentials=_credentials(read),
        artifacts=artifacts if isinstance(artifacts, BucketStore) else FolderStore(artifacts.absolute()),
        scratch=read.path("EXPORTD_SCRATCH", _scratch(artifacts, folder)).absolute(),
        sources=read.required_path("EXPORTD_SOURCES", "the file sources.toml").absolute(),
        mask_key=read.secret_or_file("EXPORTD_MASK_KEY"),
        slots=slots,
        threads=read.integer("EXPORTD_THREADS", threads_for(os.cpu_count() or 1, slots), 1, 64),
        metrics=read.endpoint_or_off(
            "EXPORTD_WORKER_METRICS",
            "127.0.0.1:9465",
            beyond_loopback=read.yes("EXPORTD_METRICS_BEYOND_LOOPBACK"),
        ),
        drain_grace=read.seconds("EXPORTD_DRAIN_GRACE_S", 60, 0, 86_400),
        orphan_timeout=read.seconds("EXPORTD_ORPHAN_TIMEOUT_S", 600, 1, 86_400),
        no_progress_timeout=read.seconds("EXPORTD_NO_PROGRESS_TIMEOUT_S", 600, 1, 86_400),
        log_format=read.choice("EXPORTD_LOG_FORMAT", "auto", ("auto", "json", "human")),
        tracing=TracingSettings.read(read, "exportd-worker"),
    )
    open_line = is_address(settings.queue_address) and not is_loopback(settings.queue_address)
    if open_line and not (settings.credentials.authority or tls_off):
        read.problem(
            f"EXPORTD_QUEUE_ADDRESS is {settings.queue_address!r}: beyond loopback it needs TLS "
            "(EXPORTD_QUEUE_TLS_AUTHORITY), or EXPORTD_TLS_OFF_BEHIND_PROXY=yes where something else brings it"
        )
    read.finish()
    return settings
