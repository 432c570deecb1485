"""exportctl keys, against a real api."""

import asyncio
import json
import os
import sys

import pytest

from services.api.domain.keys import Holder, Scope, read
from services.api.secrets.keys import KeyDigests
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.storage.datadir import key_file, secret_key
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from tests.integration.api.conftest import Api
from tests.patience import PATIENCE_S
from tests.servers import warm_exportctl


@pytest.fixture
async def chief(api: Api, settings: ApiSettings) -> str:
    """A key for keys."""
    secret = secret_key(key_file(settings.data_dir, settings.secret_key_file), make=False)
    keys = Keys(api.parts.store.keys, KeyDigests(ServerKeys.of(secret)), World().clock)
    return (await keys.create(NewKey(Holder.CALLER, "acme", scopes=frozenset(Scope), all_tenants=True)))[1]


async def exportctl(api: Api, key: str, *words: str, **environ: str) -> tuple[int | None, str, str]:
    """Exit code, stdout, stderr."""
    return await warm_exportctl.exportctl(api.target, *words, EXPORTD_API_KEY=key, **environ)


async def test_a_key_is_created_shown_once_listed_rotated_and_revoked(api: Api, chief: str) -> None:
    wanted = ("--scopes", "create,read", "--collections", "Orders,Shop*", "--label", "nightly", "--lasts", "90d")
    code, text, err = await exportctl(api, chief, "keys", "create", *wanted)
    told = read(text.removesuffix("\n"))
    assert (code, told is not None) == (0, True)
    id_ = told[1] if told else ""
    assert (id_ in err, "tenant acme" in err, text.strip() in err) == (True, True, False)
    code, out, _ = await exportctl(api, text.strip(), "collections")
    assert code == 0
    code, out, _ = await exportctl(api, chief, "keys", "list")
    header, *lines = [line.split("\t") for line in out.splitlines()]
    assert header == ["ID", "HOLDER", "ALLOWS", "STATE", "LABEL"]
    (line,) = [line for line in lines if line[0] == id_]
    assert (line[1], line[2], line[4]) == ("tenant acme", "create,read; collections Orders,Shop*", "nightly")
    assert line[3].startswith("until ")
    code, new, err = await exportctl(api, chief, "keys", "rotate", id_, "--overlap", "2h")
    assert (code, read(new.strip()) is not None, new != text) == (0, True, True)
    code, out, _ = await exportctl(api, chief, "keys", "revoke", id_)
    assert (code, "revoked" in out) == (0, True)
    code, out, _ = await exportctl(api, chief, "keys", "list", "--output", "json")
    listed = {key["id"]: key for key in json.loads(out)["keys"]}
    assert ("revokeTime" in listed[id_], listed[id_]["collections"]) == (True, ["Orders", "Shop*"])
    assert text.strip() not in out


async def test_a_token_of_workers_has_sources_and_tenants(api: Api, chief: str) -> None:
    words = ("keys", "create", "--worker", "--sources", "shop", "--tenants", "acme,other", "--output", "json")
    code, out, _ = await exportctl(api, chief, *words)
    made = json.loads(out)
    told = read(made["text"])
    assert (code, told and told[0]) == (0, Holder.WORKER)
    assert (made["key"]["sources"], made["key"]["tenants"]) == (["shop"], ["acme", "other"])


async def test_what_keys_does_not_take_is_refused(api: Api, chief: str) -> None:
    code, _, err = await exportctl(api, chief, "keys", "create", "--scopes", "read,write")
    assert (code, "'write' is none of create, read, cancel, operate, keys" in err) == (2, True)
    code, _, err = await exportctl(api, chief, "keys", "revoke", "0123456789", "--output", "json")
    assert (code, json.loads(err)["reason"]) == (2, "KEY_NOT_FOUND")
    code, _, err = await exportctl(api, chief, "keys", "rotate")
    assert (code, "ID" in err) == (2, True)


async def test_a_shell_is_offered_ids_of_keys_and_scopes(api: Api, chief: str) -> None:
    _, out, _ = await exportctl(api, chief, "keys", "create", "--label", "mine", "--output", "json")
    id_ = json.loads(out)["key"]["id"]
    asked = {"_EXPORTCTL_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    environ = {**asked, "EXPORTD_TARGET": api.target}
    words = f"exportctl keys revoke {id_[:3]}"
    _, out, err = await offered(chief, COMP_WORDS=words, **environ)
    assert (f"plain,{id_}" in out.splitlines(), err) == (True, "")
    _, out, _ = await offered(chief, COMP_WORDS="exportctl keys r", **{**environ, "COMP_CWORD": "2"})
    assert out.splitlines() == ["plain,revoke", "plain,rotate"]
    words = "exportctl keys create --scopes read,c"
    _, out, _ = await offered(chief, COMP_WORDS=words, **{**environ, "COMP_CWORD": "4"})
    assert out.splitlines() == ["plain,read,create", "plain,read,cancel"]


async def offered(key: str, **environ: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from exportd_client.cli.program import main; main(prog_name='exportctl')"),
        env={**os.environ, "EXPORTD_API_KEY": key, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
