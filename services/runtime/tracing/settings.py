"""Where spans are sent, and which are recorded. The settings have the names that OpenTelemetry gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from services.runtime.settings import SettingsReader

MAX_PAIRS = 64
MAX_PAIR_CHARACTERS = 4096
TRACES_PATH = "/v1/traces"
SAMPLERS = (
    "parentbased_always_on",
    "parentbased_traceidratio",
    "parentbased_always_off",
    "always_on",
    "traceidratio",
    "always_off",
)
NO_PAIRS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Without an `endpoint`, a URL such as http://127.0.0.1:4318/v1/traces, nothing is recorded.

    `ratio`, 0 to 1, is of use with the samplers of that name. `authority` is the file with the authority of the
    collector's certificate; None means the system's.
    """

    endpoint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    authority: Path | None = None
    sampler: str = SAMPLERS[0]
    ratio: float = 1.0
    service: str = ""
    resource: Mapping[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of the traces that are recorded if no caller decides: 0 to 1."""
        kind = self.sampler.removeprefix("parentbased_")
        return {"always_on": 1.0, "always_off": 0.0}.get(kind, self.ratio)

    @classmethod
    def read(cls, read: SettingsReader, service: str) -> "TracingSettings":
        """Read the settings. `service` is the name of the service unless a setting says another one."""
        read.choice("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", ("http/protobuf",))
        return cls(
            endpoint=_endpoint_of(read),
            headers=_headers(read),
            authority=read.optional_path("OTEL_EXPORTER_OTLP_CERTIFICATE"),
            sampler=read.choice("OTEL_TRACES_SAMPLER", SAMPLERS[0], SAMPLERS),
            ratio=read.parsed("OTEL_TRACES_SAMPLER_ARG", 1.0, _ratio, "a number from 0 to 1"),
            service=read.parsed("OTEL_SERVICE_NAME", service, _name, "at most 255 printable characters"),
            resource=read.parsed("OTEL_RESOURCE_ATTRIBUTES", NO_PAIRS, _pairs, _MUST_BE_PAIRS),
        )


NO_TRACING = TracingSettings()

_MUST_BE_PAIRS = "pairs such as a=b,c=d"
_MAX_NAME_CHARACTERS = 255


def _endpoint_of(read: SettingsReader) -> str:
    """Read the URL. A problem does not repeat it, since it may have a password."""
    text = read.text("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    try:
        return _endpoint(text) if text else ""
    except ValueError:
        read.problem(
            "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://127.0.0.1:4318 or https://HOST, without a user, "
            "a query and a fragment"
        )
        return ""


def _headers(read: SettingsReader) -> Mapping[str, str]:
    """Read the headers, which may hold secrets: a problem does not repeat them."""
    text = read.secret("OTEL_EXPORTER_OTLP_HEADERS")
    try:
        headers = _pairs(text)
        if all(_is_header(name, value) for name, value in headers.items()):
            return headers
    except ValueError:
        pass
    read.problem(f"OTEL_EXPORTER_OTLP_HEADERS must be {_MUST_BE_PAIRS}, with names and values that headers may have")
    return NO_PAIRS


def _is_header(name: str, value: str) -> bool:
    is_name = name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return is_name and value.isascii() and value.isprintable()


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain or not text.isascii():
        raise ValueError(text)
    if parts.port == 0 or not text.isprintable() or " " in text:  # reading the port raises ValueError, too
        raise ValueError(text)
    return text.rstrip("/") + TRACES_PATH


def _ratio(text: str) -> float:
    ratio = float(text)
    if not 0 <= ratio <= 1:
        raise ValueError(text)
    return ratio


def _name(text: str) -> str:
    if len(text) > _MAX_NAME_CHARACTERS or not text.isprintable():
        raise ValueError(text)
    return text


def _pairs(text: str) -> Mapping[str, str]:
    """Return the pairs of name=value,name=value, whose values are percent-encoded. Raises ValueError."""
    pairs = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = part.partition("=")
        pairs[name.strip()] = unquote(value.strip(), errors="strict")
        if not sign or not name.strip() or len(part) > MAX_PAIR_CHARACTERS or len(pairs) > MAX_PAIRS:
            raise ValueError(part)
    return pairs
