"""What the command line takes and refuses, and what it says about itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from exportd.v1 import export_service_pb2 as service
from exportd_client.channel import with_port
from exportd_client.cli.program import COMMANDS, program
from exportd_client.key_command import key_of_command
from tests.unit.client.fake_export_service import FakeExportService
from tests.unit.client.program import CONTENT, Exportctl, names_in

pytestmark = pytest.mark.slow

NAMES = [name for commands in COMMANDS.values() for name in commands]
MAY_BE_EMPTY = {"--null-text", "--query"}
"""Where nothing is a text as good as any."""


def _command(name: str) -> click.Command:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_is_that_of_the_program(name: str) -> None:
    (said,) = (commands[name][1] for commands in COMMANDS.values() if name in commands)
    assert _command(name).name == name
    assert _command(name).get_short_help_str(limit=200).startswith(said)


@pytest.mark.parametrize("words", [[], ["create"], ["list"], ["top"], ["completion"], ["redeliver"]], ids=str)
async def test_help_and_version_are_everywhere(exportctl: Exportctl, words: list[str]) -> None:
    asked = [await exportctl(*words, option) for option in ("-h", "--help", "--version")]
    assert [(ended.code, ended.err) for ended in asked] == [(0, "")] * 3
    assert asked[0].out == asked[1].out
    assert re.fullmatch(rb"exportctl \d+\.\d+\.\d+\S*\n", asked[2].out)


def _of_text(name: str) -> Iterator[str]:
    for param in _command(name).params:
        flag = isinstance(param, click.Option) and (param.is_flag or isinstance(param.type, click.Choice))
        if not flag and param.name not in ("shell", "path"):
            yield param.opts[-1] if isinstance(param, click.Option) else ""


OPTIONS = [(name, option) for name in NAMES for option in _of_text(name) if option not in MAY_BE_EMPTY]


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_nothing_is_not_taken_for_an_option_that_is_not_given(name: str, option: str) -> None:
    words = [option, ""] if option else [""]
    with pytest.raises(click.UsageError):
        _command(name).main(words, standalone_mode=False)


@pytest.mark.parametrize(
    "words",
    [
        ["create", "/invoices", "--max-attempts", "0"],
        ["create", "/invoices", "--max-attempts", "11"],
        ["create", "/invoices", "--priority", "10"],
        ["create", "/invoices", "--request-id", ""],
        ["preview", "/invoices", "--rows", "0"],
        ["preview", "/invoices", "--rows", "101"],
        ["retry", "export-1", "--max-attempts", "0"],
        ["list", "--limit", "0"],
        ["top", "--interval", "0"],
    ],
    ids=" ".join,
)
async def test_a_number_out_of_its_range_is_refused(
    exportctl: Exportctl, fake: FakeExportService, words: list[str]
) -> None:
    ended = await exportctl(*words, "--output", "json")
    assert (ended.code, ended.out, ended.json_error["code"]) == (2, b"", "USAGE")
    assert fake.requests == []


@pytest.mark.parametrize(
    "case",
    [
        ("x.xls", [], "writes no .xls file"),
        ("x.xls", ["--format", "xlsx"], "writes no .xls file"),
        ("x.txt", [], "writes no .txt file"),
        ("x.tar.gz", ["--format", "csv"], "writes no .tar file"),
        ("x.xlsx", ["--format", "csv"], "the name says xlsx"),
        ("x.csv", ["--format", "XLSX"], "the name says csv"),
        ("x.xlsx", ["--password-file", "password"], "with a password the file is a ZIP"),
        ("x.xlsx", ["--file-type", "pdf"], "with --file-type the file is a ZIP"),
        ("x.csv.gz", ["--file-type", "pdf"], "with --file-type the file is a ZIP"),
        ("x.xlsx", ["--packaging", "zip"], "with --packaging zip the file is a ZIP"),
        ("x.xlsx", ["--long-text", "bundle"], "with --long-text bundle the file is a ZIP"),
        ("x.zip", ["--packaging", "auto"], "is no ZIP"),
        ("x.zip", ["--packaging", "separate", "--file-type", "pdf"], "is no ZIP"),
        ("x.csv", ["--gzip"], "ends with .csv.gz"),
    ],
)
async def test_a_file_of_another_kind_than_its_name_is_refused_before_there_is_an_export(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, case: tuple[str, list[str], str]
) -> None:
    name, words, why = case
    (tmp_path / "password").write_text("sesame")
    words = [str(tmp_path / "password") if word == "password" else word for word in words]
    ended = await exportctl("create", "/invoices", "-o", tmp_path / name, *words)
    assert (ended.code, fake.requests) == (2, [])
    assert why in re.sub(r"\s+", " ", ended.err)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.txt", ["--format", "csv"]),
        ("x.zip", ["--format", "xlsx", "--password-file", "password"]),
        ("x.xlsx", ["--packaging", "separate", "--file-type", "pdf"]),
        ("x.tsv", ["--delimiter", "|"]),
        ("2026.11", ["--format", "json"]),
    ],
)
async def test_a_name_that_fits_is_taken(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path, name: str, words: list[str]
) -> None:
    (tmp_path / "password").write_text("sesame")
    words = [str(tmp_path / "password") if word == "password" else word for word in words]
    assert (await exportctl("create", "/invoices", "--validate-only", "-o", tmp_path / name, *words)).code == 0
    (asked,) = fake.asked(service.CreateExportRequest)
    assert asked.csv.delimiter == ("|" if name == "x.tsv" else "")


async def test_a_file_that_exists_is_overwritten_by_force_only(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    out = tmp_path / "out.csv"
    out.write_bytes(b"mine")
    for words in (["create", "/invoices"], ["download", export.id]):
        ended = await exportctl(*words, "-o", out)
        assert (ended.code, fake.requests) == (2, [])
        assert "--force overwrites it" in ended.err
    assert out.read_bytes() == b"mine"
    assert (await exportctl("download", export.id, "-o", out, "--force")).code == 0
    assert out.read_bytes() == CONTENT


async def test_attachments_that_exist_are_refused_before_there_is_an_export(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    (tmp_path / "out-attachments.zip").write_bytes(b"mine")
    words = ("create", "/invoices", "--packaging", "separate", "--file-type", "pdf", "-o", tmp_path / "out.csv")
    ended = await exportctl(*words)
    assert (ended.code, fake.requests) == (2, [])
    assert "out-attachments.zip exists already" in re.sub(r"\s+", " ", ended.err)


async def test_a_file_in_a_directory_is_not_overwritten_either(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    (tmp_path / "invoices.csv").write_bytes(b"mine")
    ended = await exportctl("download", export.id, "-o", tmp_path)
    assert ended.code == 2
    assert f"{tmp_path}/invoices.csv exists already; --force overwrites it" in ended.err
    assert f"exportctl download {export.id} -o FILE" in ended.err
    assert (tmp_path / "invoices.csv").read_bytes() == b"mine"
    assert names_in(tmp_path) == ["invoices.csv"]


@pytest.mark.parametrize(
    ("target", "whole"),
    [
        ("localhost", "localhost:50051"),
        ("localhost:", "localhost:50051"),
        ("10.0.0.7:443", "10.0.0.7:443"),
        ("::1", "[::1]:50051"),
        ("[::1]", "[::1]:50051"),
        ("[::1]:7", "[::1]:7"),
        ("dns:///exportd", "dns:///exportd:50051"),
        ("unix:/run/exportd", "unix:/run/exportd"),
    ],
)
def test_a_target_without_a_port_has_the_default_one(target: str, whole: str) -> None:
    assert with_port(target) == whole


async def test_a_target_is_named_with_its_port(exportctl: Exportctl) -> None:
    ended = await exportctl("get", "any", "--target", "host.invalid")
    assert ended.code == 5
    assert "host.invalid:50051" in ended.err


async def test_a_token_comes_from_its_file_and_says_the_tenant(
    exportctl: Exportctl, fake: FakeExportService, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("head.claims.signature\n")
    assert (await exportctl("--token-file", file, "list")).code == 0
    assert (await exportctl("list", EXPORTD_TOKEN_FILE=str(file), EXPORTD_API_KEY="exd_another")).code == 0
    assert {metadata["authorization"] for _, metadata, _ in fake.calls} == {"Bearer head.claims.signature"}
    assert all("x-exportd-tenant" not in metadata for _, metadata, _ in fake.calls)
    for words in (["--token-file", tmp_path / "none"], ["--token-file", file, "--api-key-file", file]):
        refused = await exportctl(*words, "list")
        assert (refused.code, len(fake.calls)) == (2, 2), refused.err


async def test_a_key_comes_from_a_command_that_runs_without_a_shell(
    exportctl: Exportctl, fake: FakeExportService
) -> None:
    command = r"printf '%s\nuser: me\n' exd_$HOME;"
    assert (await exportctl("--api-key-command", command, "list")).code == 0
    assert (await exportctl("list", EXPORTD_API_KEY_COMMAND=command, EXPORTD_API_KEY="exd_another")).code == 0
    assert {metadata["authorization"] for _, metadata, _ in fake.calls} == {"Bearer exd_$HOME;"}
    assert all("x-exportd-tenant" not in metadata for _, metadata, _ in fake.calls)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("sh -c 'echo exd_secret; exit 3'", "ended with 3"),
        ("/nowhere/vault read exportd", "cannot be started (No such file or directory)"),
        ("echo 'unended", "cannot be started (the command is malformed)"),
        (" ", "cannot be started (the command is malformed)"),
        ("true", "prints none"),
        ("head -c 100000 /dev/zero", "prints none"),
        ("echo ключ", "prints none"),
    ],
)
async def test_a_command_that_gives_no_key_is_said_and_nothing_is_called(
    exportctl: Exportctl, fake: FakeExportService, command: str, why: str
) -> None:
    refused = await exportctl("--api-key-command", command, "list")
    assert (refused.code, why in refused.err, "exd_secret" in refused.err) == (2, True, False), refused.err
    assert fake.calls == []


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(ValueError, match=r"did not end within 0\.2 s"):
        key_of_command("sleep 600", timeout=0.2)  # it never does


async def test_there_is_one_source_of_a_key(exportctl: Exportctl, fake: FakeExportService, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("exd_key\n")
    for option in ("--api-key-file", "--token-file"):
        refused = await exportctl("--api-key-command", "echo exd_other", option, file, "list")
        assert (refused.code, "give one of them" in refused.err) == (2, True), refused.err
    assert fake.calls == []
