"""`exportd-api rotate-key` beside an api that runs: what was sealed and digested before goes on to be usable."""

import asyncio
import io
import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from exportd.v1 import export_service_pb2, link_service_pb2
from exportd.v1.link_service_pb2_grpc import LinkServiceStub
from services.api import key_sources
from services.api.commands import rotate_key
from services.api.commands.callback_secret import run as callback_secret
from services.api.domain.keys import Holder
from services.api.secrets.keys import KeyDigests
from services.api.secrets.ring import KeyState
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings, DatabaseSettings
from services.api.storage.postgres.server_key import KeyOfAnother
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from tests.integration.api.conftest import Api, Worker, serving
from tests.servers.stores import new_store

PASSWORD = "ábrete sésamo 🔑"


class Killed(Exception):
    """In place of a process that ends between two batches."""


LIST = export_service_pb2.ListExportsRequest


def on_postgres(settings: ApiSettings, folder: Path) -> ApiSettings:
    (folder / "key").write_bytes(b"k" * 32)
    (folder / "key").chmod(0o600)
    return replace(settings, database=DatabaseSettings(new_store()), secret_key_file=folder / "key")


STORES: dict[str, Callable[[ApiSettings, Path], ApiSettings]] = {
    "sqlite": lambda settings, _: settings,
    "postgres": on_postgres,
}


@pytest.fixture(params=STORES.values(), ids=STORES)
def chosen(request: pytest.FixtureRequest, settings: ApiSettings, tmp_path: Path) -> ApiSettings:
    here: ApiSettings = request.param(settings, tmp_path)
    return here


@pytest.fixture
async def api(chosen: ApiSettings) -> AsyncIterator[Api]:
    async with serving(chosen) as served:
        yield served


@pytest.fixture
async def links(api: Api) -> AsyncIterator[LinkServiceStub]:
    async with grpc.aio.insecure_channel(api.target) as channel:
        yield LinkServiceStub(channel)


def environ(settings: ApiSettings) -> dict[str, str]:
    values = {"EXPORTD_CATALOG": settings.catalog, "EXPORTD_DATA_DIR": settings.data_dir}
    if settings.database:
        values |= {"EXPORTD_SECRET_KEY_FILE": key_sources.file_of(settings)}
    return {name: str(value) for name, value in values.items()} | (
        {"EXPORTD_DATABASE": settings.database.url} if settings.database else {}
    )


async def rotated(settings: ApiSettings, *arguments: str) -> tuple[int, str, str]:
    """The exit code, the output and the messages of the command."""
    out, err = io.StringIO(), io.StringIO()
    code = await asyncio.to_thread(rotate_key.run, arguments, environ(settings), out, err)
    return code, out.getvalue(), err.getvalue()


async def rotate(settings: ApiSettings) -> None:
    steps = [["--add"], ["--make-primary"], ["--reseal"]] if settings.database else [[]]
    for step in steps:
        code, out, err = await rotated(settings, *step)
        assert (code, out) == (0, ""), err


def age(settings: ApiSettings) -> None:
    """Let the keys of the file have their states for two days."""
    file = key_sources.file_of(settings)
    before = datetime.now(UTC) - timedelta(days=2)
    file.write_text(re.sub(r"20\S+Z", before.strftime("%Y-%m-%dT%H:%M:%SZ"), file.read_text()))


async def key_of_a_caller(api: Api, settings: ApiSettings) -> list[tuple[str, str]]:
    digests = KeyDigests(ServerKeys(key_sources.read(settings)))
    _, text = await Keys(api.parts.store.keys, digests, World().clock).create(NewKey(Holder.CALLER, "default"))
    return [("x-api-key", text)]


async def test_what_was_sealed_before_is_opened_and_what_comes_after_has_the_new_key(
    api: Api, chosen: ApiSettings
) -> None:
    before = [await api.create(password=PASSWORD, request_id=name) for name in ("one", "two")]
    page = await api.exports.ListExports(LIST(page_size=1))
    await rotate(chosen)
    (first,) = await Worker(api).lease()
    after = await api.create(password=PASSWORD, request_id="three")
    jobs = [first, *await Worker(api).lease(max_jobs=5)]
    assert {job.export_id for job in jobs} == {*(export.id for export in before), after.id}
    assert {job.password for job in jobs} == {PASSWORD}
    assert (await api.create(password=PASSWORD, request_id="one")).id == before[0].id
    rest = await api.exports.ListExports(LIST(page_size=1, page_token=page.next_page_token))
    assert len(rest.exports) == 1


async def test_an_api_key_survives_and_is_digested_anew_when_it_is_used(api: Api, chosen: ApiSettings) -> None:
    metadata = await key_of_a_caller(api, chosen)
    await rotate(chosen)
    age(chosen)
    code, _, err = await rotated(chosen, "--remove-unused")
    assert code == 1
    assert "the key first is needed by: 1 API keys and worker tokens" in err
    assert len(key_sources.read(chosen).keys) == 2
    await asyncio.to_thread(api.parts.server_keys.reload)
    await api.exports.ListExports(LIST(), metadata=metadata)
    code, _, err = await rotated(chosen, "--remove-unused")
    assert (code, err) == (0, "removed: first\n")
    (only,) = key_sources.read(chosen).keys
    assert only.state is KeyState.PRIMARY
    await asyncio.to_thread(api.parts.server_keys.reload)
    await api.exports.ListExports(LIST(), metadata=metadata)


async def test_a_link_survives_and_is_digested_anew_when_it_is_opened(
    api: Api, chosen: ApiSettings, links: LinkServiceStub
) -> None:
    opened, other = [await new_link(api, links) for _ in range(2)]
    await rotate(chosen)
    age(chosen)
    await asyncio.to_thread(api.parts.server_keys.reload)
    for _ in range(2):
        await links.GetLinkedFile(link_service_pb2.GetLinkedFileRequest(), metadata=[("x-exportd-link", opened.token)])
    _, shown, _ = await rotated(chosen, "--show")
    assert "the key first is needed by: 1 download links (until each is opened once" in shown
    code, _, err = await rotated(chosen, "--remove-unused")
    assert (code, "no key was removed" in err) == (1, True)
    await links.RevokeDownloadLink(link_service_pb2.RevokeDownloadLinkRequest(link_id=other.link.id))
    assert await rotated(chosen, "--remove-unused") == (0, "", "removed: first\n")
    await asyncio.to_thread(api.parts.server_keys.reload)
    file = await links.GetLinkedFile(
        link_service_pb2.GetLinkedFileRequest(), metadata=[("x-exportd-link", opened.token)]
    )
    assert file.size_bytes == 4


async def test_a_link_whose_key_was_taken_away_leads_nowhere(
    api: Api, chosen: ApiSettings, links: LinkServiceStub
) -> None:
    made = await new_link(api, links)
    await rotate(chosen)
    file = key_sources.file_of(chosen)
    key_sources.write(file, key_sources.read(chosen).without([""]))
    await asyncio.to_thread(api.parts.server_keys.reload)
    with pytest.raises(grpc.aio.AioRpcError, match="there is no such link"):
        await links.GetLinkedFile(link_service_pb2.GetLinkedFileRequest(), metadata=[("x-exportd-link", made.token)])


async def new_link(api: Api, links: LinkServiceStub) -> link_service_pb2.CreateDownloadLinkResponse:
    """A link to the file of a new export."""
    export = await api.create()
    await Worker(api).build(b"id\r\n")
    made: link_service_pb2.CreateDownloadLinkResponse = await links.CreateDownloadLink(
        link_service_pb2.CreateDownloadLinkRequest(export_id=export.id)
    )
    return made


async def test_an_old_key_is_kept_while_anything_needs_it_and_the_refusal_says_what(
    api: Api, chosen: ApiSettings
) -> None:
    await api.create(password=PASSWORD, request_id="once", callback_url="https://example.com/x")
    for step in ("--add", "--make-primary"):
        await rotated(chosen, step)
    code, _, err = await rotated(chosen, "--remove-unused")
    assert code == 1
    for need in ("1 passwords", "1 request_ids", "page tokens until 20", "callbacks of 1 tenants, such as default"):
        assert need in err
    assert "no key was removed" in err
    assert len(key_sources.read(chosen).keys) == 2
    await rotated(chosen, "--reseal")
    _, shown, _ = await rotated(chosen, "--show")
    assert "passwords" not in shown
    secrets = [key.secret for key in key_sources.read(chosen).keys]
    assert not any(repr(secret)[2:-1] in shown for secret in secrets)


async def test_receivers_of_callbacks_must_have_been_changed(api: Api, chosen: ApiSettings) -> None:
    await api.create(callback_url="https://example.com/x")
    await rotate(chosen)
    age(chosen)
    assert (await rotated(chosen, "--remove-unused"))[0] == 1
    out = io.StringIO()
    assert callback_secret([], environ(chosen), out, io.StringIO()) == 0
    assert len(out.getvalue().split()) == 2
    assert (await rotated(chosen, "--remove-unused", "--receivers-changed"))[0] == 0


async def test_resealing_goes_on_where_it_was_interrupted_and_can_be_repeated(
    api: Api, chosen: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await api.create(password=PASSWORD)
    for step in ("--add", "--make-primary"):
        await rotated(chosen, step)
    monkeypatch.setattr("services.api.usecases.rotation.BATCH", 2)
    real, batches = rotate_key.SqlSealedStore.reseal, 0

    async def killed_after_one(self: rotate_key.SqlSealedStore, changes: object) -> int:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise Killed
        return await real(self, changes)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(rotate_key.SqlSealedStore, "reseal", killed_after_one)
        with pytest.raises(Killed):
            await rotated(chosen, "--reseal")
    assert [(await rotated(chosen, "--reseal"))[2] for _ in range(2)] == [
        "passwords sealed again: 3\n",
        "passwords sealed again: 0\n",
    ]
    jobs = await Worker(api).lease(max_jobs=5)
    assert {job.password for job in jobs} == {PASSWORD}


async def test_several_processes_are_told_to_go_step_by_step(settings: ApiSettings, tmp_path: Path) -> None:
    shared = on_postgres(settings, tmp_path)
    code, out, err = await rotated(shared)
    assert (code, out) == (1, "")
    assert "--add" in err
    assert key_sources.file_of(shared).read_bytes() == b"k" * 32


async def test_a_process_without_the_primary_key_of_the_database_does_not_start(
    settings: ApiSettings, tmp_path: Path
) -> None:
    shared = on_postgres(settings, tmp_path)
    stale = replace(shared, secret_key_file=tmp_path / "stale")
    (tmp_path / "stale").write_bytes(b"k" * 32)
    async with serving(shared):
        pass
    await rotate(shared)
    async with serving(shared):
        pass
    with pytest.raises(KeyOfAnother):
        async with serving(stale):
            pass


async def test_keys_of_a_variable_are_printed_to_be_kept(settings: ApiSettings) -> None:
    out, err = io.StringIO(), io.StringIO()
    values = environ(settings) | {"EXPORTD_SECRET_KEY": "base64:" + "A" * 43 + "="}
    assert rotate_key.run(["--add"], values, out, err) == 0
    assert "EXPORTD_SECRET_KEY" in err.getvalue()
    again = io.StringIO()
    assert rotate_key.run(["--make-primary"], values | {"EXPORTD_SECRET_KEY": out.getvalue()}, again, err) == 0
    assert [line.split()[1] for line in again.getvalue().splitlines()[1:]] == ["retired", "primary"]
    assert not (settings.data_dir / "secret.key").exists()


async def test_a_file_that_everybody_can_change_is_refused(settings: ApiSettings, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"k" * 32)
    (tmp_path / "key").chmod(0o622)
    with pytest.raises(key_sources.KeysUnusable, match="every user"):
        async with serving(replace(settings, secret_key_file=tmp_path / "key")):
            pass


async def test_the_erased_password_is_in_no_file_after_it_was_sealed_again(api: Api, chosen: ApiSettings) -> None:
    if chosen.database:
        pytest.skip("PostgreSQL keeps old versions of a row until it overwrites them: docs/secure.md")
    export = await api.create(password=PASSWORD)
    sealed = [_sealed(chosen)]
    await rotate(chosen)
    sealed.append(_sealed(chosen))
    assert len({*sealed}) == 2
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    assert await api.parts.erasure.run_once()
    held = b"".join(file.read_bytes() for file in chosen.data_dir.rglob("exportd.sqlite3*"))
    assert [each in held for each in (*sealed, PASSWORD.encode())] == [False] * 3


def _sealed(settings: ApiSettings) -> bytes:
    with closing(sqlite3.connect(settings.data_dir / "exportd.sqlite3")) as database:
        (sealed,) = database.execute("SELECT sealed_password FROM exports").fetchone()
    assert isinstance(sealed, bytes)
    return sealed
