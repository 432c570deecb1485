import ipaddress
from datetime import timedelta
from pathlib import Path

import pytest

from services.api.domain.notifications import Channel
from services.api.notify.settings import MailSettings, NotifySettings, Tls
from services.api.notify.targets import Targets
from services.contract.errors import Violation
from services.runtime.settings import SettingsError, SettingsReader

MAIL = {"EXPORTD_SMTP_HOST": "mail.example.com", "EXPORTD_SMTP_FROM": "exports@example.com"}


def read(**environ: str) -> NotifySettings:
    reader = SettingsReader(environ)
    settings = NotifySettings.read(reader)
    reader.finish()
    return settings


def violations(settings: NotifySettings, notify_email: str = "", callback_url: str = "") -> list[Violation]:
    return list(Targets(settings).violations("default", notify_email, callback_url))


def test_without_settings_https_to_public_addresses_is_permitted_and_there_is_no_mail() -> None:
    settings = read()
    assert settings.mail is None
    assert not settings.callbacks.http
    assert violations(settings, callback_url="https://receiver.example/hook") == []
    assert settings.callback_timeout == timedelta(seconds=15)
    assert settings.holds[Channel.CALLBACK] > settings.callback_timeout


def test_networks_ports_and_http_are_opened_by_settings() -> None:
    settings = read(
        EXPORTD_CALLBACK_ALLOW_NETWORKS="127.0.0.0/8, fd00::/8",
        EXPORTD_CALLBACK_PORTS="443,8000-8002",
        EXPORTD_CALLBACK_ALLOW_HTTP="yes",
    )
    assert settings.callbacks.networks == (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
    assert [port for ports in settings.callbacks.ports for port in ports] == [443, 8000, 8001, 8002]
    assert violations(settings, callback_url="http://127.0.0.1:8001/") == []


@pytest.mark.parametrize(
    "environ",
    [
        {"EXPORTD_CALLBACK_ALLOW_NETWORKS": "10.0.0.1/8"},
        {"EXPORTD_CALLBACK_ALLOW_NETWORKS": "everything"},
        {"EXPORTD_CALLBACK_PORTS": "https"},
        {"EXPORTD_CALLBACK_PORTS": "0"},
        {"EXPORTD_CALLBACK_PORTS": "9-8"},
        {"EXPORTD_CALLBACK_PORTS": "443,65536"},
        {"EXPORTD_CALLBACK_ALLOW_HTTP": "maybe"},
        {"EXPORTD_NOTIFY_CA_FILE": "/nowhere/ca.pem"},
        MAIL | {"EXPORTD_SMTP_TLS": "perhaps"},
        MAIL | {"EXPORTD_SMTP_PASSWORD_FILE": "/nowhere/password"},
        MAIL | {"EXPORTD_SMTP_FROM": "Exports <exports@example.com>"},
        {"EXPORTD_SMTP_HOST": "mail.example.com"},
        MAIL | {"EXPORTD_SMTP_TLS": "none", "EXPORTD_SMTP_USER": "exportd"},
    ],
)
def test_a_mistaken_setting_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**environ)
    assert any(str(refused.value).startswith(name) for name in (*environ, "EXPORTD_SMTP_FROM"))


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_of_the_mail_server_follows_its_encryption(tls: str, port: int) -> None:
    mail = read(**MAIL, EXPORTD_SMTP_TLS=tls).mail
    assert mail is not None
    assert (mail.tls, mail.port) == (Tls(tls), port)


def test_the_password_of_the_mail_server_comes_from_a_file_and_no_repr_shows_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    settings = read(**MAIL, EXPORTD_SMTP_USER="exportd", EXPORTD_SMTP_PASSWORD_FILE=str(tmp_path / "password"))
    assert isinstance(settings.mail, MailSettings)
    assert settings.mail.password == "open sesame"
    assert "sesame" not in repr(settings)


def test_a_mail_that_could_not_be_sent_is_refused_with_the_setting_to_set() -> None:
    (violation,) = violations(read(), notify_email="anna@example.com")
    assert violation.field == "notify_email"
    assert "EXPORTD_SMTP_HOST" in violation.description
    assert violations(read(**MAIL), notify_email="anna@example.com") == []


def test_every_target_that_is_wrong_is_named() -> None:
    found = violations(read(**MAIL), notify_email="anna", callback_url="http://user@receiver.example/")
    assert [violation.field for violation in found] == ["callback_url", "callback_url", "notify_email"]
    assert violations(read()) == []
