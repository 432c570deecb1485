"""exportctl audit, against a real api; and the entries of exportd-api keys."""

import asyncio
import io
import json
import os
import pwd
import signal
from pathlib import Path

from exportd.v1.export_service_pb2 import CancelExportRequest
from services.api.commands import keys
from services.api.ports.audit import AuditFilter
from services.api.storage.datadir import DataDirectory
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from tests.integration.api.conftest import CATALOG, Api
from tests.integration.api.test_exportctl_operating import exportctl
from tests.patience import PATIENCE_S
from tests.servers.warm_exportctl import begun


async def test_the_trail_is_a_table_newest_first(api: Api) -> None:
    export = await api.create()
    await api.exports.CancelExport(CancelExportRequest(export_id=export.id))
    code, out, err = await exportctl(api, "audit", "--since", "1h")
    header, *lines = [line.split("\t") for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert header == ["TIME", "ACTION", "TENANT", "RESOURCE", "BY", "BYTES", "DETAILS"]
    assert [line[1:] for line in lines] == [
        [action, "default", export.id, "anonymous", "-", "collection=Orders"]
        for action in ("EXPORT_CANCELLED", "EXPORT_CREATED")
    ]
    _, out, _ = await exportctl(api, "audit", "--wide")
    assert [line.split("\t")[7] for line in out.splitlines()] == ["PEER", "127.0.0.1", "127.0.0.1"]


async def test_conditions_and_the_limit_choose_the_entries_and_json_is_a_line_each(api: Api) -> None:
    first, second = await api.create(), await api.create()
    for words, found in (
        (("--action", "export_created"), [second.id, first.id]),
        (("--export", first.id[:30] if first.id[:30] != second.id[:30] else first.id), [first.id]),
        (("--resource", second.id), [second.id]),
        (("--by", "0123456789"), []),
        (("--until", "2001-01-01"), []),
        (("--limit", "1"), [second.id]),
    ):
        code, out, err = await exportctl(api, "audit", *words, "--output", "json")
        assert (code, [json.loads(line)["resourceId"] for line in out.splitlines()]) == (0, found), (words, err)
    _, _, err = await exportctl(api, "audit", "--limit", "1")
    assert "these are the newest 1" in err
    code, _, err = await exportctl(api, "audit", "--export", first.id, "--resource", first.id)
    assert (code, "exclude each other" in err) == (2, True)


async def test_follow_goes_on_with_what_comes(api: Api) -> None:
    first = await api.create()
    process = await begun(api.target, "audit", "--follow", "--output", "json")
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE_S):
            shown = [json.loads(await process.stdout.readline())["resourceId"]]
            later = [(await api.create()).id for _ in range(2)]
            shown += [json.loads(await process.stdout.readline())["resourceId"] for _ in later]
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert shown == [first.id, *later]


async def test_keys_that_are_made_without_a_server_are_entered_with_the_user_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    environ = {"EXPORTD_CATALOG": str(tmp_path / "catalog.toml"), "EXPORTD_DATA_DIR": str(tmp_path / "data")}
    environ |= {"USER": "somebody", "LOGNAME": "somebody"}
    err = io.StringIO()
    assert await asyncio.to_thread(keys.run, ["create"], environ, io.StringIO(), err) == 0
    id_ = err.getvalue().split()[1]
    for _ in range(2):
        assert await asyncio.to_thread(keys.run, ["revoke", id_], environ, io.StringIO(), err) == 0
    async with await SqliteDatabase.open(DataDirectory.database_in(tmp_path / "data")) as database:
        entries = (await sql_store(database).audit.page(AuditFilter(resource=id_), None, 10)).entries
    assert [each.action.name for each in entries if each.action] == ["KEY_REVOKED", "KEY_CREATED"]
    user = pwd.getpwuid(os.getuid()).pw_name
    assert {each.by.principal for each in entries} == {f"local:{user}"}
    assert all(each.by.request_id and not each.by.peer for each in entries)
