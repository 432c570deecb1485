"""The client that the options of a command ask for: where the api is, and who calls it."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from exportd_client import ApiKey, ExportClient, Patience, Tls
from exportd_client.channel import Endpoint, endpoint
from exportd_client.cli.options import API_KEY, DEFAULTS, chosen
from exportd_client.key_command import key_of_command

CONNECTION = (
    "target",
    "tenant",
    "api_key_file",
    "api_key_command",
    "token_file",
    "tls_authority",
    "tls_server_name",
    "tls_certificate",
    "tls_key",
)
"""The options that say where the api is and who calls it."""


def given_in(context: click.Context) -> dict[str, str]:
    """Return the values of these options; those that are not given have their defaults."""
    return {name: chosen(context, name) for name in CONNECTION}


def client_for(given: Mapping[str, str], patience: Patience = Patience()) -> ExportClient:  # noqa: B008 - frozen
    """Return a client that is not connected yet. Raises ValueError and OSError for options that cannot be used."""
    key, token = _api_key(given), _token(given)
    tenant = None if (key or token) and given["tenant"] == DEFAULTS["tenant"] else given["tenant"]
    return ExportClient(given["target"], tenant, tls=_tls(given), api_key=key, token=token, patience=patience)


def endpoint_for(given: Mapping[str, str]) -> Endpoint:
    """Return the endpoint that a client for these options would call. Raises ValueError and OSError."""
    key, token = _api_key(given), _token(given)
    tenant = None if (key or token) and given["tenant"] == DEFAULTS["tenant"] else given["tenant"]
    return endpoint(given["target"], tenant, _tls(given), key, token)


def _tls(given: Mapping[str, str]) -> Tls | bool:
    """Return the TLS settings; False if the connection is not encrypted."""
    if not given["tls_authority"]:
        if given["tls_certificate"] or given["tls_key"] or given["tls_server_name"]:
            raise ValueError("--tls-certificate, --tls-key and --tls-server-name are of use with --tls-authority only")
        return False
    paths = {name: Path(given[name]) if given[name] else None for name in ("tls_certificate", "tls_key")}
    authority = None if given["tls_authority"] == "system" else Path(given["tls_authority"])
    return Tls(authority, paths["tls_certificate"], paths["tls_key"], given["tls_server_name"])


def _api_key(given: Mapping[str, str]) -> str:
    """Return the key from the file, from the command, otherwise from the environment; empty if there is none."""
    if given["api_key_file"] and given["api_key_command"]:
        raise ValueError("there are --api-key-file and --api-key-command: give one of them")
    if given["api_key_file"]:
        return _content(Path(given["api_key_file"]))
    if given["api_key_command"] and given["token_file"]:
        raise ValueError("there are --api-key-command and --token-file: give one of them")
    if given["api_key_command"]:
        return key_of_command(given["api_key_command"])
    return "" if given["token_file"] else os.environ.get(API_KEY, "").strip()


def _token(given: Mapping[str, str]) -> ApiKey:
    """Return what reads the token: whoever renews it writes it into the file. Raises OSError if that is not there."""
    if not given["token_file"]:
        return ""
    file = Path(given["token_file"])
    _content(file)
    return partial(_content, file)


def _content(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()
