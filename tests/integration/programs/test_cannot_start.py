"""Whatever a start needs and lacks is told in few lines that name the setting, before anything is made; exit code 2."""

import socket
from collections.abc import Callable, Mapping
from subprocess import CompletedProcess

import pytest

from tests.integration.programs.conftest import PROGRAMS, Place, ended
from tests.servers.warm import WarmProgram
from tests.tiers import deep, deep_but

MAX_LINES = 3
LONG = "n" * 300
"""No file system takes a name of so many bytes."""

WRONG = [
    ("exportd-api", "EXPORTD_CATALOG", "nowhere.toml", "nowhere.toml has 1 mistake"),
    ("exportd-api", "EXPORTD_CATALOG", ".", "cannot be read: Is a directory"),
    ("exportd-api", "EXPORTD_CATALOG", LONG, "cannot be read: File name too long"),
    ("exportd-api", "EXPORTD_CATALOG", "~nobody-of-that-name/c", "EXPORTD_CATALOG"),
    ("exportd-api", "EXPORTD_TENANTS", "nowhere.toml", "nowhere.toml has 1 mistake"),
    ("exportd-api", "EXPORTD_DATA_DIR", "file/data", "EXPORTD_DATA_DIR: "),
    ("exportd-api", "EXPORTD_DATA_DIR", "file", "EXPORTD_DATA_DIR: "),
    ("exportd-api", "EXPORTD_DATA_DIR", "/proc/data", "EXPORTD_DATA_DIR: "),
    ("exportd-api", "EXPORTD_DATA_DIR", LONG, "EXPORTD_DATA_DIR: "),
    ("exportd-api", "EXPORTD_ARTIFACTS", "file", "EXPORTD_ARTIFACTS: "),
    ("exportd-api", "EXPORTD_ARTIFACTS", "/proc/artifacts", "EXPORTD_ARTIFACTS: "),
    ("exportd-api", "EXPORTD_SECRET_KEY_FILE", "nowhere", "EXPORTD_SECRET_KEY_FILE: "),
    ("exportd-api", "EXPORTD_SECRET_KEY_FILE", ".", "EXPORTD_SECRET_KEY_FILE: "),
    ("exportd-api", "EXPORTD_NOTIFY_CA_FILE", "file", "EXPORTD_NOTIFY_CA_FILE: "),
    ("exportd-api", "EXPORTD_LISTEN", "0.0.0.0:1", "EXPORTD_LISTEN"),
    ("exportd-api", "EXPORTD_LISTEN", "127.0.0.1", "EXPORTD_LISTEN"),
    ("exportd-api", "EXPORTD_LISTEN", "0.0.0.0:1", "EXPORTD_TLS_OFF_BEHIND_PROXY"),
    ("exportd-api", "EXPORTD_QUEUE_LISTEN", "0.0.0.0:1", "EXPORTD_TLS_OFF_BEHIND_PROXY"),
    ("exportd-api", "EXPORTD_API_METRICS", "0.0.0.0:1", "must be on loopback"),
    ("exportd-api", "EXPORTD_TLS_KEY", "file", "belong together"),
    ("exportd-api", "EXPORTD_TLS_CLIENT_AUTHORITY", "file", "EXPORTD_TLS_CERTIFICATE"),
    ("exportd-api", "EXPORTD_DRAIN_GRACE_S", "nan", "EXPORTD_DRAIN_GRACE_S"),
    ("exportd-api", "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("exportd-api", "OTEL_TRACES_SAMPLER_ARG", "nan", "OTEL_TRACES_SAMPLER_ARG"),
    ("exportd-worker", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ("exportd-worker", "OTEL_TRACES_SAMPLER", "sometimes", "OTEL_TRACES_SAMPLER"),
    ("exportd-worker", "EXPORTD_SOURCES", "nowhere.toml", "nowhere.toml has 1 mistake"),
    ("exportd-worker", "EXPORTD_SOURCES", "", "EXPORTD_SOURCES is not set"),
    ("exportd-worker", "EXPORTD_MASK_KEY_FILE", "nowhere", "nowhere has 1 mistake"),
    ("exportd-worker", "EXPORTD_ARTIFACTS", "file", "EXPORTD_ARTIFACTS: "),
    ("exportd-worker", "EXPORTD_ARTIFACTS", "/proc/artifacts", "EXPORTD_ARTIFACTS: "),
    ("exportd-worker", "EXPORTD_SCRATCH", "file/scratch", "EXPORTD_SCRATCH: "),
    ("exportd-worker", "EXPORTD_SCRATCH", LONG, "EXPORTD_SCRATCH: "),
    ("exportd-worker", "EXPORTD_SCRATCH", "~nobody-of-that-name/s", "EXPORTD_SCRATCH"),
    ("exportd-worker", "EXPORTD_SLOTS", "many", "EXPORTD_SLOTS"),
    ("exportd-worker", "EXPORTD_QUEUE_ADDRESS", "192.0.2.1:50052", "EXPORTD_QUEUE_TLS_AUTHORITY"),
    ("exportd-worker", "EXPORTD_QUEUE_TLS_AUTHORITY", "nowhere", "EXPORTD_QUEUE_TLS_AUTHORITY"),
    ("exportd-worker", "EXPORTD_QUEUE_TLS_CERTIFICATE", "file", "belong together"),
]


Refusal = Callable[..., str]


@pytest.fixture
def refusal(warm_programs: Mapping[str, WarmProgram], place: Place) -> Refusal:
    """What a program says that must not start; it stands in `place`."""

    def said(program: str, **settings: str) -> str:
        return said_by(program, warm_programs[program].run(env=place.environ(**settings), cwd=place.folder))

    return said


def said_by(program: str, refused: CompletedProcess[str]) -> str:
    assert refused.returncode == 2, refused.stderr
    first, *rest = [line for line in refused.stderr.splitlines() if not line.startswith("{")]
    assert first == f"{program} cannot start:"
    assert len(rest) <= MAX_LINES, refused.stderr
    return "\n".join(rest)


SOME_WRONG = [*WRONG[::2], *(pytest.param(case, marks=deep) for case in WRONG[1::2])]


@pytest.mark.parametrize("case", SOME_WRONG, ids="-".join)
def test_it_says_what_is_wrong_and_where(case: tuple[str, str, str, str], place: Place, refusal: Refusal) -> None:
    program, setting, value, said = case
    (place.folder / "file").write_text("")
    before = sorted(place.folder.iterdir())
    assert said in refusal(program, **{setting: value})
    made = {path.name for path in place.folder.iterdir()} - {path.name for path in before}
    assert made <= {"data"}


@pytest.mark.parametrize("port", ["EXPORTD_LISTEN", "EXPORTD_QUEUE_LISTEN"])
def test_beyond_loopback_the_first_key_is_asked_for_by_its_command(port: str, refusal: Refusal) -> None:
    said = refusal("exportd-api", **{port: "0.0.0.0:0", "EXPORTD_TLS_OFF_BEHIND_PROXY": "yes"})
    assert port in said
    assert "exportd-api keys create" in said


@pytest.mark.parametrize("program", deep_but(PROGRAMS, "exportd-api"))
def test_it_does_when_it_is_started_as_everybody_does(program: str, place: Place) -> None:
    """The other tests fork it from a process that has imported it."""
    (place.folder / "file").write_text("")
    refused = ended(program, environ=place.environ(EXPORTD_ARTIFACTS="file/artifacts"), folder=place.folder)
    assert "EXPORTD_ARTIFACTS: " in said_by(program, refused)


@pytest.mark.parametrize(
    ("program", "setting"),
    [
        ("exportd-api", "EXPORTD_LISTEN"),
        ("exportd-api", "EXPORTD_QUEUE_LISTEN"),
        ("exportd-api", "EXPORTD_API_METRICS"),
        ("exportd-worker", "EXPORTD_WORKER_METRICS"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_port_that_is_taken_is_named_with_its_setting_before_anything_is_made(
    program: str, setting: str, host: str, place: Place, refusal: Refusal
) -> None:
    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    try:
        taken = socket.create_server((host.strip("[]"), 0), family=family)
    except OSError:
        pytest.skip("this machine has no such loopback")
    with taken:
        address = f"{host}:{taken.getsockname()[1]}"
        said = refusal(program, **{setting: address})
    assert f"cannot listen on {address}" in said
    assert setting in said
    assert not place.data.exists()


@deep
def test_a_second_worker_with_the_default_port_of_metrics_says_how_to_give_it_another(place: Place) -> None:
    environ = place.environ()
    del environ["EXPORTD_WORKER_METRICS"]
    try:
        first = socket.create_server(("127.0.0.1", 9465))
    except OSError:
        pytest.skip("the default port is in use on this machine")
    with first:
        refused = ended("exportd-worker", environ=environ)
    assert refused.returncode == 2
    assert "127.0.0.1:9465" in refused.stderr
    assert "EXPORTD_WORKER_METRICS" in refused.stderr
