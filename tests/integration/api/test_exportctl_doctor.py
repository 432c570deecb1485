"""exportctl doctor, against a real api: what is wrong on the way to it is found, with what to do."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exportd_client.cli.doctor import SKEW_FAULT
from services.api import key_sources
from services.api.commands import dev_certificates
from services.api.domain.keys import Holder
from services.api.secrets.keys import KeyDigests
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from services.tls.files import TlsFiles
from tests.integration.api.conftest import Api, serving
from tests.servers import warm_exportctl

Found = dict[str, str]
"""The verdict of each subject."""


async def doctor(target: str, *words: str, **environ: str) -> tuple[int | None, Found, str]:
    """The exit code, the verdicts, and everything that was printed."""
    code, out, err = await warm_exportctl.exportctl(target, "--output", "json", "doctor", *words, **environ)
    assert err == ""
    findings = json.loads(out)["findings"]
    assert [f for f in findings if (f["verdict"] == "ok") == bool(f["action"])] == []
    return code, {f["subject"]: f["verdict"] for f in findings}, out


async def key_of(api: Api, settings: ApiSettings, lasts: timedelta | None) -> str:
    digests = KeyDigests(ServerKeys(key_sources.read(settings)))
    return (await Keys(api.parts.store.keys, digests, World().wall).create(NewKey(Holder.CALLER, "acme", lasts=lasts)))[
        1
    ]


WELL = {"address": "ok", "api": "ok", "clock": "ok", "version": "ok", "credential": "ok"}


async def test_all_is_well_and_it_says_so(api: Api) -> None:
    assert (await doctor(api.target))[:2] == (0, WELL)


async def test_nobody_listens(api: Api) -> None:
    code, found, out = await doctor("127.0.0.1:1")
    assert (code, found) == (3, {"address": "fault"})
    assert "--target" in out


@pytest.mark.parametrize(
    ("lasts", "verdict"), [(timedelta(days=3), "warning"), (timedelta(days=30), "ok")], ids=["soon", "later"]
)
async def test_a_key_that_ends_soon_is_to_be_rotated(
    api: Api, settings: ApiSettings, lasts: timedelta, verdict: str
) -> None:
    key = await key_of(api, settings, lasts)
    assert (await doctor(api.target, EXPORTD_API_KEY=key))[:2] == (0, WELL | {"credential": verdict})


async def test_a_token_that_ends_soon_is_renewed_in_its_file(api: Api, settings: ApiSettings, tmp_path: Path) -> None:
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text(await key_of(api, settings, timedelta(minutes=5)))
    assert (await doctor(api.target, "--token-file", str(tmp_path / "token")))[:2] == (0, WELL)


async def test_a_wrong_key_is_refused_and_not_repeated(api: Api, settings: ApiSettings) -> None:
    key = await key_of(api, settings, None)
    wrong = key[:20] + ("a" if key[20] != "a" else "b") + key[21:]
    code, found, out = await doctor(api.target, EXPORTD_API_KEY=wrong)
    assert (code, found) == (3, {"address": "ok", "api": "fault"})
    assert "--api-key-file" in out
    assert wrong not in out


async def test_a_file_that_others_can_read(api: Api, settings: ApiSettings, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(await key_of(api, settings, None))
    (tmp_path / "key").chmod(0o644)
    code, found, _ = await doctor(api.target, "--api-key-file", str(tmp_path / "key"))
    assert (code, found) == (0, WELL | {"api key file": "warning"})


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [(timedelta(minutes=2), "warning"), (-timedelta(minutes=2), "warning"), (2 * SKEW_FAULT, "fault")],
    ids=["ahead", "behind", "far ahead"],
)
async def test_a_clock_that_is_set_wrong(settings: ApiSettings, ahead: timedelta, verdict: str) -> None:
    async with serving(settings, World(clock=lambda: datetime.now(UTC) + ahead)) as api:
        code, found, out = await doctor(api.target)
    assert (code, found) == (3 if verdict == "fault" else 0, WELL | {"clock": verdict})
    assert ("ahead" if ahead > timedelta() else "behind") in out


@pytest.fixture
async def encrypted(settings: ApiSettings, tmp_path: Path) -> AsyncIterator[Api]:
    assert dev_certificates.run([str(tmp_path / "tls")], {}, io.StringIO(), io.StringIO()) == 0
    files = TlsFiles(tmp_path / "tls" / "api.pem", tmp_path / "tls" / "api.key")
    async with serving(replace(settings, tls=files)) as served:
        yield served


async def test_a_certificate_is_checked_with_its_authority(encrypted: Api, tmp_path: Path) -> None:
    target = encrypted.target.replace("127.0.0.1", "localhost")
    authority = str(tmp_path / "tls" / "authority.pem")
    assert (await doctor(target, "--tls-authority", authority))[:2] == (0, WELL | {"certificate": "ok"})
    code, found, out = await doctor(target, "--tls-authority", "system")
    assert (code, found) == (3, {"address": "ok", "certificate": "fault"})
    assert "--tls-authority" in out


async def test_several_addresses_are_checked_by_their_common_name(encrypted: Api, tmp_path: Path) -> None:
    options = ("--tls-authority", str(tmp_path / "tls" / "authority.pem"), "--tls-server-name")
    target = f"{encrypted.target},{encrypted.target}"
    assert (await doctor(target, *options, "localhost"))[:2] == (0, WELL | {"certificate": "ok"})
    code, found, out = await doctor(target, *options, "exportd.internal")
    assert (code, found) == (3, {"address": "ok", "certificate": "fault"})
    assert "exportd.internal" in out
    assert "--tls-server-name" in out
