"""exportctl link, against a real api."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.api.domain.links import LinkPolicy, token_id
from services.api.settings import ApiSettings
from tests.integration.api.conftest import Api, Worker, serving
from tests.integration.api.test_exportctl_keys import exportctl

ADDRESS = "https://exports.example.com"


@pytest.fixture(params=[ADDRESS, ""], ids=["with an address", "without"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def api(settings: ApiSettings, address: str) -> AsyncIterator[Api]:
    async with serving(replace(settings, links=LinkPolicy(timedelta(days=7), address))) as served:
        yield served


async def test_a_link_is_created_shown_once_listed_and_revoked(api: Api, worker: Worker, address: str) -> None:
    export = await api.create()
    await worker.build(b"id\r\n1\r\n")
    file_id = (await api.get(export.id)).file.id
    wanted = ("link", "create", export.id[:13], "--uses", "1", "--lasts", "2d", "--label", "for Anna")
    code, out, err = await exportctl(api, "", *wanted)
    shown, token = out.removesuffix("\n"), out.strip().rpartition("/")[2]
    assert (code, shown) == (0, f"{address}/links/{token}" if address else token)
    id_ = token_id(token)
    assert f"link {id_}, for one use, until " in err
    assert token not in err
    assert ("as /links/TOKEN" in err) == (not address)
    code, out, _ = await exportctl(api, "", "link", "list", export.id)
    header, line = (each.split("\t") for each in out.splitlines())
    assert header == ["ID", "FILE", "USED", "STATE", "LABEL"]
    assert (line[0], line[1], line[2], line[4]) == (id_, file_id, "0 of 1", "for Anna")
    assert line[3].startswith("until ")
    code, out, _ = await exportctl(api, "", "link", "revoke", id_)
    assert (code, "revoked" in out) == (0, True)
    code, out, _ = await exportctl(api, "", "link", "create", file_id, "--output", "json")
    made = json.loads(out)
    assert (made["link"]["fileId"], made["url"].startswith(address)) == (file_id, True)
    code, out, _ = await exportctl(api, "", "link", "list", export.id, "--output", "json")
    listed = {each["id"]: each for each in json.loads(out)["links"]}
    assert set(listed) == {id_, made["link"]["id"]}
    assert "revokeTime" in listed[id_]
    assert token not in out


async def test_what_is_not_there_or_not_ready_is_said(api: Api) -> None:
    export = await api.create()
    code, _, err = await exportctl(api, "", "link", "create", export.id)
    assert (code, "QUEUED" in err) == (2, True)
    code, _, err = await exportctl(api, "", "link", "revoke", "A" * 10)
    assert (code, "there is no such link" in err) == (2, True)
    code, _, err = await exportctl(api, "", "link", "create", export.id, "--uses", "1001")
    assert (code, "1001" in err) == (2, True)
