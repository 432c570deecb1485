"""An api and a worker as strangers meet them: certificates, keys and tokens, made by the commands of the api."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import grpc
import pytest

from exportd.v1 import export_pb2, export_service_pb2
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from services.api.domain.keys import Holder, read
from tests.e2e.conftest import PATIENT, House
from tests.patience import PATIENCE_S
from tests.servers.warm import WarmProgram
from tests.tiers import deep

LIST = export_service_pb2.ListExportsRequest()
AIRPORTS = export_service_pb2.CreateExportRequest(uri="/airports", format=export_pb2.FORMAT_CSV)


ApiCommand = Callable[..., CompletedProcess[str]]


@pytest.fixture
def api_command(house: House, warm_programs: Mapping[str, WarmProgram]) -> ApiCommand:
    """Runs a command of exportd-api with the settings of the house."""

    def run(*arguments: str, **settings: str) -> CompletedProcess[str]:
        environ = {
            "EXPORTD_CATALOG": str(house.sample / "catalog.toml"),
            "EXPORTD_DATA_DIR": str(house.data_dir),
            **settings,
        }
        return warm_programs["exportd-api"].run(*arguments, env=environ)

    return run


def settings_in(text: str, program: str) -> dict[str, str]:
    """Those that dev-certificates prints for a program."""
    part = text.partition(f"# {program}\n")[2].partition("#")[0]
    return dict(line.split("=", 1) for line in part.splitlines())


def exportctl(house: House, tmp_path: Path, settings: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of an export of airports, and the reason why there is none."""
    command = [Path(sys.executable).with_name("exportctl"), "create", "/airports", "-o", tmp_path / "a.csv", "--force"]
    environ = {"PATH": os.environ["PATH"], "EXPORTD_TARGET": f"localhost:{house.ports[0]}", **settings}
    done = subprocess.run([*command, "--output", "json"], env=environ, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stderr.splitlines()[-1]).get("reason", "") if done.returncode else ""


async def built(channel: grpc.aio.Channel, key: str) -> export_pb2.Export:
    """An export by who has this key, at its end."""
    stub, metadata = ExportServiceStub(channel), [("x-api-key", key)]
    export = await stub.CreateExport(AIRPORTS, metadata=metadata)
    watch = export_service_pb2.WatchExportRequest(export_id=export.id)
    return [seen async for seen in stub.WatchExport(watch, metadata=metadata)][-1]


async def test_an_export_is_built_for_a_key_by_a_worker_with_a_certificate(
    house: House, api_command: ApiCommand, tmp_path: Path
) -> None:
    made = api_command("dev-certificates", str(tmp_path / "tls"))
    assert made.returncode == 0, made.stderr
    house.api(**PATIENT, **settings_in(made.stdout, "exportd-api"))
    key = api_command("keys", "create", "--tenant", "acme").stdout.strip()  # beside the api that runs
    assert read(key)
    worker = house.worker(
        EXPORTD_QUEUE_ADDRESS=f"localhost:{house.ports[1]}", **settings_in(made.stdout, "exportd-worker")
    )
    authority = grpc.ssl_channel_credentials((tmp_path / "tls" / "authority.pem").read_bytes())
    async with grpc.aio.secure_channel(f"localhost:{house.ports[0]}", authority) as channel:
        assert (await built(channel, key)).state == export_pb2.Export.STATE_COMPLETED
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ExportServiceStub(channel).CreateExport(AIRPORTS)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    told = settings_in(made.stdout, "exportctl")
    assert exportctl(house, tmp_path, told) == (2, "BAD_CREDENTIALS")
    (tmp_path / "key").write_text(f"{key}\n")
    for with_key in ({"EXPORTD_API_KEY": key}, {"EXPORTD_API_KEY_FILE": str(tmp_path / "key")}):
        assert exportctl(house, tmp_path, told | with_key) == (0, "")
    for process in (worker, *house.processes):
        assert key not in process.log.read_text()


@deep
async def test_an_export_is_built_by_a_worker_with_a_token_and_not_without(
    house: House, api_command: ApiCommand, tmp_path: Path
) -> None:
    token = api_command("keys", "create", "--worker", "--label", "first").stdout.strip()
    assert read(token)
    key = api_command("keys", "create").stdout.strip()
    house.api(**PATIENT)
    (tmp_path / "token").write_text(f"{token}\n")
    house.worker(EXPORTD_QUEUE_TOKEN_FILE=str(tmp_path / "token"))
    async with grpc.aio.insecure_channel(house.target) as channel:
        assert (await built(channel, key)).state == export_pb2.Export.STATE_COMPLETED
        stranger = house.worker(EXPORTD_SLOTS="2")
        async with asyncio.timeout(PATIENCE_S):
            while "BAD_CREDENTIALS" not in stranger.log.read_text():
                await asyncio.sleep(0.1)  # between two looks
        listed = json.loads(api_command("keys", "list", "--output", "json").stdout)
        assert {(each["id"], each["holder"]) for each in listed} == {(token[4:14], "worker"), (key[4:14], "caller")}
        assert api_command("keys", "revoke", key[4:14]).returncode == 0
        async with asyncio.timeout(PATIENCE_S):
            while await _opens(channel, key):
                await asyncio.sleep(0.1)  # a process believes what it read for a second
    assert api_command("keys", "revoke", "0123456789").returncode == 2


async def _opens(channel: grpc.aio.Channel, key: str) -> bool:
    asked = ExportServiceStub(channel).ListExports(LIST, metadata=[("x-api-key", key)])
    return await asked.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "--scopes", "read,write"), "there are create, read, cancel, operate and keys"),
        (("create", "--lasts", "90"), "such as 90d"),
        (("create", "--lasts", "0d"), "such as 90d"),
        (("create", "--label", "x" * 101), "at most 100 printable"),
        (("revoke",), "id"),
        ((), "command"),
    ],
)
def test_what_keys_does_not_take_is_refused(api_command: ApiCommand, arguments: tuple[str, ...], said: str) -> None:
    refused = api_command("keys", *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr


def test_a_key_shows_what_it_is_for(api_command: ApiCommand) -> None:
    made = api_command(
        "keys", "create", "--tenant", "acme", "--scopes", "read,operate", "--all-tenants", "--lasts", "90d"
    )
    assert "tenant acme, for all tenants" in made.stderr
    told = read(made.stdout.strip())
    assert told is not None
    assert told[0] is Holder.CALLER
    (listed,) = json.loads(api_command("keys", "list", "--output", "json").stdout)
    assert (listed["id"], listed["scopes"], listed["all_tenants"]) == (told[1], ["operate", "read"], True)
    assert made.stdout.strip() not in api_command("keys", "list").stdout
