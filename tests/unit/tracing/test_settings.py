"""The settings of traces: values of platforms are taken, hostile ones refused by name, and secrets are not repeated."""

import pytest

from services.runtime.settings import SettingsError, SettingsReader
from services.runtime.tracing.settings import MAX_PAIRS, TracingSettings

SECRET = "planted-secret"
ENDPOINT, HEADERS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"


def read(**environ: str) -> TracingSettings:
    reader = SettingsReader(environ)
    settings = TracingSettings.read(reader, "exportd-x")
    reader.finish()
    return settings


def test_without_settings_there_is_no_collector() -> None:
    assert (read().endpoint, read().service, read().sampler, read().ratio) == (
        "",
        "exportd-x",
        "parentbased_always_on",
        1,
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:4318", "https://c.example", "http://[::1]:4318/", "http://c/prefix/"]
)
def test_an_endpoint_is_a_base(url: str) -> None:
    assert read(**{ENDPOINT: url}).endpoint == f"{url.rstrip('/')}/v1/traces"


def test_headers_and_attributes_are_pairs_with_percent_encoded_values() -> None:
    settings = read(**{HEADERS: "authorization=Basic%20abc, x-team=a", "OTEL_RESOURCE_ATTRIBUTES": "a=1,b=%2C"})
    assert settings.headers == {"authorization": "Basic abc", "x-team": "a"}
    assert settings.resource == {"a": "1", "b": ","}


WRONG = {
    ENDPOINT: [
        "c:4317",
        "grpc://c",
        "http://",
        f"http://u:{SECRET}@c",
        "http://c:0",
        "http://c:99999",
        "http://c?q=1",
        "http://c d",
    ],
    HEADERS: [SECRET, f"={SECRET}", f"a={SECRET}%0d%0ab: c", f"a={SECRET}\u00e9", f"a b={SECRET}", f"a={SECRET}%ff"],
    "OTEL_RESOURCE_ATTRIBUTES": ["a", ",".join(f"a{n}=1" for n in range(MAX_PAIRS + 1)), f"a={'x' * 5000}"],
    "OTEL_TRACES_SAMPLER": ["jaeger_remote"],
    "OTEL_TRACES_SAMPLER_ARG": ["2", "-1", "nan", "inf", "x"],
    "OTEL_SERVICE_NAME": ["a\x1bb", "x" * 256],
    "OTEL_EXPORTER_OTLP_PROTOCOL": ["grpc", "http/json"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in WRONG.items() for value in values],
    ids=[f"{name} {number}" for name, values in WRONG.items() for number in range(len(values))],
)
def test_a_wrong_value_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        read(**{name: value})
    assert SECRET not in str(refused.value)


def test_headers_are_not_shown() -> None:
    assert SECRET not in repr(read(**{HEADERS: f"authorization={SECRET}"}))
