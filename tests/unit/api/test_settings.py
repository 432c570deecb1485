import pytest

from services.api.settings import ApiSettings
from services.runtime.settings import SettingsError


def test_the_defaults_bind_loopback_only() -> None:
    settings = ApiSettings.from_env({"EXPORTD_CATALOG": "catalog.toml"})
    assert settings.listen == "127.0.0.1:50051"
    assert settings.queue_listen == "127.0.0.1:50052"


def test_every_problem_is_named_in_one_message() -> None:
    environ = {
        "EXPORTD_LISTEN": "0.0.0.0:50051",
        "EXPORTD_QUEUE_LISTEN": "localhost",
        "EXPORTD_DRAIN_GRACE_S": "soon",
        "EXPORTD_LOG_FORMAT": "xml",
    }
    with pytest.raises(SettingsError) as refused:
        ApiSettings.from_env(environ)
    lines = str(refused.value).splitlines()
    assert [line.split()[0] for line in lines] == [
        "EXPORTD_CATALOG",
        "EXPORTD_QUEUE_LISTEN",
        "EXPORTD_DRAIN_GRACE_S",
        "EXPORTD_LOG_FORMAT",
        "EXPORTD_LISTEN",
    ]


@pytest.mark.parametrize("name", ["EXPORTD_LISTEN", "EXPORTD_QUEUE_LISTEN"])
def test_binding_beyond_loopback_needs_tls_or_somebody_who_brings_it(name: str) -> None:
    settings = {"EXPORTD_CATALOG": "c", name: "192.168.1.1:50051"}
    with pytest.raises(SettingsError, match=f"^{name} .*needs TLS"):
        ApiSettings.from_env(settings)
    files = {"EXPORTD_TLS_CERTIFICATE": "c.pem", "EXPORTD_TLS_KEY": "c.key"}
    for more in ({"EXPORTD_TLS_OFF_BEHIND_PROXY": "yes"}, files):
        ApiSettings.from_env(settings | more)


def test_metrics_can_be_off() -> None:
    assert ApiSettings.from_env({"EXPORTD_CATALOG": "c", "EXPORTD_API_METRICS": "off"}).metrics == ""


def test_metrics_leave_loopback_only_where_that_is_said() -> None:
    settings = {"EXPORTD_CATALOG": "c", "EXPORTD_API_METRICS": "0.0.0.0:9464"}
    with pytest.raises(SettingsError, match=r"^EXPORTD_API_METRICS .*EXPORTD_METRICS_BEYOND_LOOPBACK=yes"):
        ApiSettings.from_env(settings)
    assert ApiSettings.from_env(settings | {"EXPORTD_METRICS_BEYOND_LOOPBACK": "yes"}).metrics == "0.0.0.0:9464"
