"""The meaning of each setting of the gateway, for `exportd-gateway --help` and docs/reference/settings.md.

This module imports nothing, so that `--help` works without the libraries of the service.
"""

from collections.abc import Mapping

from services.runtime.tracing.settings_help import HELP as TRACING_HELP

HELP: Mapping[str, str] = {
    "EXPORTD_GATEWAY_LISTEN": "Address for HTTP.",
    "EXPORTD_GATEWAY_PROCESSES": "Number of processes that serve the same port.",
    "EXPORTD_TARGET": "Address of exportd-api. Several IP addresses, separated by commas, or the addresses of a name, "
    "`dns:///api.example:50051`, are called in turn.",
    "EXPORTD_TLS_AUTHORITY": "Authority of the api's certificate (PEM), or `system`. Without it there is no TLS.",
    "EXPORTD_TLS_SERVER_NAME": "Name in the api's certificate, if it is not the host of the target; needed for several "
    "addresses.",
    "EXPORTD_TLS_CLIENT_CERTIFICATE": "The gateway's own certificate, where the api asks for one (PEM).",
    "EXPORTD_TLS_CLIENT_KEY": "Private key of that certificate (PEM).",
    "EXPORTD_GATEWAY_TLS_CERTIFICATE": "Certificate for HTTPS, with its chain (PEM). Read again when it changes.",
    "EXPORTD_GATEWAY_TLS_KEY": "Private key of that certificate (PEM).",
    "EXPORTD_GATEWAY_TLS_CLIENT_AUTHORITY": "Authority whose certificates callers must show, beside their key (PEM).",
    "EXPORTD_TLS_OFF_BEHIND_PROXY": "`yes` serves and calls without TLS beyond loopback, where a proxy adds it.",
    "EXPORTD_GATEWAY_METRICS": (
        "Address of the Prometheus endpoint, `/metrics`; `off` for none. Each further process takes the next port."
    ),
    "EXPORTD_METRICS_BEYOND_LOOPBACK": "`yes` lets that address be any; metrics have no TLS and no credentials.",
    "EXPORTD_GATEWAY_MAX_CONNECTIONS": "Connections of each process at the same time; more are closed at once.",
    "EXPORTD_GATEWAY_MAX_CONNECTIONS_OF_ADDRESS": "Connections of each process at the same time from one address ("
    "IPv6: from a /64 network); more are closed at once. 0: no limit, as behind a proxy, whose address all have.",
    "EXPORTD_GATEWAY_IDLE_TIMEOUT_S": "How long a connection may take until the head of its next request is complete.",
    "EXPORTD_GATEWAY_BODY_TIMEOUT_S": "How long the body of a request may take to arrive.",
    "EXPORTD_GATEWAY_CALL_TIMEOUT_S": "How long the api may take to answer a call that is no stream.",
    "EXPORTD_DRAIN_GRACE_S": "After SIGTERM: how long requests that are under way may take to end.",
    "EXPORTD_LOG_FORMAT": "Format of the log. `auto` is `human` on a terminal and `json` elsewhere.",
    **TRACING_HELP,
}
