"""The settings of download links."""

from datetime import timedelta

import pytest

from services.api.domain.links import LinkPolicy
from services.api.settings import ApiSettings
from services.runtime.settings import SettingsError

LEAST = {"EXPORTD_CATALOG": "catalog.toml"}


def read(**settings: str) -> LinkPolicy:
    return ApiSettings.from_env({**LEAST, **settings}).links


def test_without_settings_links_last_a_week_and_have_no_address() -> None:
    assert read() == LinkPolicy(timedelta(days=7), "")
    assert read().url_of("exl_x") == ""


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://exports.example.com", "https://exports.example.com/links/exl_x"),
        ("https://example.com:8443/a/b/", "https://example.com:8443/a/b/links/exl_x"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/links/exl_x"),
        ("http://localhost:8080", "http://localhost:8080/links/exl_x"),
        ("http://[::1]:8080", "http://[::1]:8080/links/exl_x"),
    ],
)
def test_a_link_is_below_the_address_of_the_gateway(given: str, url: str) -> None:
    assert read(EXPORTD_PUBLIC_URL=given).url_of("exl_x") == url


@pytest.mark.parametrize(
    "given",
    [
        "exports.example.com",
        "http://exports.example.com",
        "http://127.0.0.1.example.com",
        "ftp://exports.example.com",
        "https://",
        "https://anna@exports.example.com",
        "https://exports.example.com/?a=b",
        "https://exports.example.com/#a",
        "https://exports.example.com/a b",
        "https://exports.example.com/\r\nBcc: eve@example.com",
        "https://exports.example.com/é",
        "https://[",
    ],
)
def test_an_address_that_cannot_be_one_of_a_gateway_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="EXPORTD_PUBLIC_URL"):
        read(EXPORTD_PUBLIC_URL=given)


@pytest.mark.parametrize("given", ["59", "7776001", "x"])
def test_a_life_beyond_the_limits_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="EXPORTD_LINK_MAX_LIFE_S"):
        read(EXPORTD_LINK_MAX_LIFE_S=given)
