"""The description of each setting of a worker, shown by `exportd-worker --help` and docs/reference/settings.md.

The module imports nothing, so that `--help` works without the service's libraries.
"""

from collections.abc import Mapping

from services.runtime.tracing.settings_help import HELP as TRACING_HELP

HELP: Mapping[str, str] = {
    "EXPORTD_SOURCES": "The sources file: addresses and credentials. Read again at SIGHUP.",
    "EXPORTD_QUEUE_ADDRESS": "Address of the api for workers; on the api `EXPORTD_QUEUE_LISTEN`.",
    "EXPORTD_QUEUE_TOKEN": "The worker's token. The file of `EXPORTD_QUEUE_TOKEN_FILE` is read again with each call.",
    "EXPORTD_QUEUE_TLS_AUTHORITY": "Authority of the api's certificate (PEM), or `system`. Without it there is no TLS.",
    "EXPORTD_QUEUE_TLS_CERTIFICATE": "The worker's own certificate, with its chain (PEM).",
    "EXPORTD_QUEUE_TLS_KEY": "Private key of that certificate (PEM).",
    "EXPORTD_TLS_OFF_BEHIND_PROXY": (
        "`yes` lets the worker call an api beyond loopback without TLS, because a proxy adds it."
    ),
    "EXPORTD_DATA_DIR": "Folder of the artifact store, unless `EXPORTD_ARTIFACTS` is set; the same as that of the api.",
    "EXPORTD_ARTIFACTS": "The artifact store, the same for api and workers: a folder, or `s3://…`, `gs://…`, `az://…`.",
    "EXPORTD_SCRATCH": "Folder for temporary data of a job: sorts, and tables before they are zipped.",
    "EXPORTD_MASK_KEY": (
        'Key for columns with `mask = "hash"`, 32 bytes or more. `EXPORTD_MASK_KEY_FILE` is read again at SIGHUP.'
    ),
    "EXPORTD_SLOTS": "Number of jobs that run at the same time.",
    "EXPORTD_THREADS": (
        "Threads of each stage of a job (reading, encoding, compressing). More threads need more memory."
    ),
    "EXPORTD_WORKER_METRICS": "Address of the Prometheus endpoint, `/metrics`; `off` for none.",
    "EXPORTD_METRICS_BEYOND_LOOPBACK": (
        "`yes` allows that address to be beyond loopback. Metrics have no TLS and no credentials."
    ),
    "EXPORTD_DRAIN_GRACE_S": "After SIGTERM: how long running jobs may take to end before they are given back.",
    "EXPORTD_ORPHAN_TIMEOUT_S": "How long a job continues while the api cannot be reached.",
    "EXPORTD_NO_PROGRESS_TIMEOUT_S": "How long an attempt may go without progress before it fails.",
    "EXPORTD_LOG_FORMAT": "Format of the log. `auto` is `human` on a terminal and `json` elsewhere.",
    **TRACING_HELP,
}
