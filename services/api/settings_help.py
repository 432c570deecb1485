"""The meaning of each setting of the api, in one sentence, for `exportd-api --help` and docs/reference/settings.md.

This module imports nothing, so that `--help` works without the libraries of the service.
"""

from collections.abc import Mapping

from services.runtime.tracing.settings_help import HELP as TRACING_HELP

HELP: Mapping[str, str] = {
    "EXPORTD_CATALOG": "The catalog file: what callers may export. Read again at SIGHUP.",
    "EXPORTD_DATA_DIR": "Folder of the database, the key, the lock and, unless set otherwise, the artifacts.",
    "EXPORTD_DATABASE": "URL of PostgreSQL, `postgresql://…`, for state and queue; several api processes can share it.",
    "EXPORTD_DATABASE_POOLED": "`on` if a pooler in transaction mode is between the api and PostgreSQL.",
    "EXPORTD_API_PROCESSES": "Number of processes that serve the same ports; more than 1 needs PostgreSQL.",
    "EXPORTD_ARTIFACTS": "The artifact store, the same for api and workers: a folder, or `s3://…`, `gs://…`, `az://…`.",
    "EXPORTD_SECRET_KEY_FILE": "File with the server's keys. Created at the first start; read again when it changes.",
    "EXPORTD_SECRET_KEY": "The server's keys themselves: a key ring, or `base64:` and 32 random bytes or more.",
    "EXPORTD_SECRET_KEY_COMMAND": "Command that prints the server's keys in this form. It runs without a shell.",
    "EXPORTD_LISTEN": "Address for callers.",
    "EXPORTD_QUEUE_LISTEN": "Address for workers.",
    "EXPORTD_TLS_CERTIFICATE": "Certificate of both ports, with its chain (PEM). Read again when the file changes.",
    "EXPORTD_TLS_KEY": "Private key of that certificate (PEM).",
    "EXPORTD_TLS_CLIENT_AUTHORITY": (
        "Authority that must have signed the certificates of callers (PEM). Their API key is needed, too."
    ),
    "EXPORTD_QUEUE_TLS_CERTIFICATE": "Certificate of the workers' port, if it is not that of both ports (PEM).",
    "EXPORTD_QUEUE_TLS_KEY": "Private key of that certificate (PEM).",
    "EXPORTD_QUEUE_TLS_CLIENT_AUTHORITY": (
        "Authority that must have signed the certificates of workers (PEM). They then need no token."
    ),
    "EXPORTD_QUEUE_TLS_ALLOWED_NAMES": (
        "Names that a worker's certificate may have, such as `*.workers.example`; all by default."
    ),
    "EXPORTD_TLS_OFF_BEHIND_PROXY": "`yes` lets the api listen beyond loopback without TLS, because a proxy adds it.",
    "EXPORTD_OIDC_ISSUER": "Issuer of tokens that callers may send instead of an API key: the URL of a provider.",
    "EXPORTD_OIDC_AUDIENCE": "Audiences of tokens for this service, separated by commas. Required with an issuer.",
    "EXPORTD_OIDC_ALGORITHMS": "Algorithms with which tokens may be signed, separated by commas.",
    "EXPORTD_OIDC_JWKS_URL": "Where the keys of the issuer are, if it has no discovery document that says so.",
    "EXPORTD_OIDC_CA_FILE": "Certificate authorities of the issuer's host, instead of the system's (PEM).",
    "EXPORTD_OIDC_TENANT_CLAIM": "Claim with the tenant: a name, or a JSON pointer such as `/organization/id`.",
    "EXPORTD_OIDC_SCOPES_CLAIM": "Claim with the scopes: a text of words or a list, such as `/realm_access/roles`.",
    "EXPORTD_OIDC_SCOPES": (
        "What the scopes of a token allow, such as `Exports.Read=read,Exports.Write=create cancel`. "
        "`all-tenants` is the right to see other tenants."
    ),
    "EXPORTD_OIDC_COLLECTIONS_CLAIM": (
        "Claim with the collections that a token is for, as patterns. Without this setting it is for all."
    ),
    "EXPORTD_OIDC_CLOCK_SKEW_S": "How far the clocks of the issuer and of the api may differ.",
    "EXPORTD_OIDC_LONGEST_LIFE_S": "How far ahead a token may expire. Tokens cannot be revoked.",
    "EXPORTD_OIDC_KEYS_KEPT_S": "How long the issuer's keys are used while the issuer does not answer.",
    "EXPORTD_API_METRICS": (
        "Address of the Prometheus endpoint, `/metrics`; `off` for none. Each further process takes the next port."
    ),
    "EXPORTD_METRICS_BEYOND_LOOPBACK": (
        "`yes` allows that address to be beyond loopback. Metrics have no TLS and no credentials."
    ),
    "EXPORTD_REFLECTION": "gRPC reflection on the callers' port. `auto` is `on` if that port is on loopback.",
    "EXPORTD_LOG_FORMAT": "Format of the log. `auto` is `human` on a terminal and `json` elsewhere.",
    "EXPORTD_CONNECTION_AGE_S": (
        "After how long a connection is replaced by a new one, so that clients spread over new processes, and "
        "certificates are verified again. Running calls end on the old one."
    ),
    "EXPORTD_DRAIN_GRACE_S": "After SIGTERM: how long running calls may take to end.",
    "EXPORTD_DOWNLOAD_URL_LIFE_S": "How long a download URL of the object store is valid.",
    "EXPORTD_LINK_MAX_LIFE_S": "How long a download link is valid at most, and if nothing else was asked for.",
    "EXPORTD_PUBLIC_URL": (
        "Address at which people reach the gateway, such as `https://exports.example.com`. With it, mails have links."
    ),
    "EXPORTD_TENANTS": "The tenants file: weights, caps and callback secrets. Read again at SIGHUP.",
    "EXPORTD_CONFIRM_WINDOW_S": "How long a new lease is valid until the worker's first heartbeat.",
    "EXPORTD_LEASE_TTL_S": "How long a lease is valid after each heartbeat. Workers send three in this time.",
    "EXPORTD_RUN_TIMEOUT_S": "How long one attempt may take.",
    "EXPORTD_RETRY_BASE_S": "Delay after the first failed attempt. It doubles with each further attempt.",
    "EXPORTD_RETRY_CAP_S": "Upper limit of the delay between two attempts.",
    "EXPORTD_SWEEP_INTERVAL_S": "How often expired files and old rows are deleted.",
    "EXPORTD_SWEEP_GRACE_S": "How long the bytes of an expired file stay in the artifact store.",
    "EXPORTD_ROWS_KEPT_S": "How long an export stays in lists after its end.",
    "EXPORTD_AUDIT_DAYS": "How many days an entry of the audit trail is kept.",
    "EXPORTD_CALLBACK_ALLOW_HTTP": "`yes` accepts callback URLs without TLS.",
    "EXPORTD_CALLBACK_PORTS": "Ports that callback URLs may name.",
    "EXPORTD_CALLBACK_ALLOW_NETWORKS": "Networks that callbacks may reach, in addition to public addresses.",
    "EXPORTD_CALLBACK_TIMEOUT_S": "Time limit of one attempt to deliver a callback.",
    "EXPORTD_SMTP_HOST": "The mail server. Without it `notify_email` is refused.",
    "EXPORTD_SMTP_PORT": "Port of the mail server.",
    "EXPORTD_SMTP_TLS": "Encryption of the connection to the mail server. `tls` encrypts from the first byte.",
    "EXPORTD_SMTP_USER": "User name for the mail server. Needs encryption.",
    "EXPORTD_SMTP_PASSWORD": "Password of that user.",
    "EXPORTD_SMTP_FROM": "Sender address of mails. Required with a mail server.",
    "EXPORTD_SMTP_TIMEOUT_S": "Time limit of one attempt to send a mail, up to the message itself.",
    "EXPORTD_SMTP_ACCEPT_TIMEOUT_S": (
        "How long the server may take to accept a message. If this is too short, a mail is sent twice."
    ),
    "EXPORTD_NOTIFY_CA_FILE": (
        "Certificate authorities for callbacks and the mail server, in addition to the system's (PEM)."
    ),
    **TRACING_HELP,
}
