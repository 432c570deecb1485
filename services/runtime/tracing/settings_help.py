"""What the settings of traces mean, for the help of every service."""

HELP = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "URL of an OpenTelemetry collector, such as `http://127.0.0.1:4318`, for traces. Needs the extra `otel`."
    ),
    "OTEL_EXPORTER_OTLP_PROTOCOL": "How traces are sent.",
    "OTEL_EXPORTER_OTLP_HEADERS": "Headers for the collector, `name=value,name=value`. Never logged.",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "Authority of the collector's certificate (PEM), unless the system knows it.",
    "OTEL_TRACES_SAMPLER": "Which traces are recorded; with `parentbased_` the caller decides first.",
    "OTEL_TRACES_SAMPLER_ARG": "The share of traces that are recorded, for the samplers with `traceidratio`.",
    "OTEL_SERVICE_NAME": "Name of the service in traces.",
    "OTEL_RESOURCE_ATTRIBUTES": "More attributes of the process in traces, `name=value,name=value`.",
}
