"""What a shell is offered where somebody presses Tab."""

import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from exportd_client.cli.completion import SHELLS, VARIABLE
from tests.patience import PATIENCE_S
from tests.servers.warm import WarmProgram
from tests.unit.client.fake_export_service import FakeExportService, Refusal, Serving
from tests.unit.client.program import CONTENT, Exportctl

pytestmark = pytest.mark.slow

ID = "019e5c2a-7b3c-7000-8000-000000000001"
DELIVERY = f"msg_{'ab' * 16}"

Complete = Callable[[str], Awaitable[list[str]]]


@pytest.fixture(scope="module")
def script() -> str:
    """What a shell evaluates when it starts."""
    command = [Path(sys.executable).with_name("exportctl"), "completion", "bash"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def complete(serving: Serving, fake: FakeExportService, script: str, warm_exportctl: WarmProgram) -> Complete:
    """What a real bash offers for a line whose last word is being typed."""
    export = fake.with_file(CONTENT)
    fake.exports[ID] = fake.exports.pop(export.id)
    export.id = export.file.export_id = ID
    fake.deliveries[DELIVERY] = ID
    folder = warm_exportctl.command("exportctl").parent
    environment = {**os.environ, "EXPORTD_TARGET": serving.target, "PATH": f"{folder}:{os.environ['PATH']}"}

    async def completed(line: str) -> list[str]:
        words = line.split(" ")
        asking = f"""
            {script}
            COMP_WORDS=({" ".join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}
            _exportctl_completion exportctl
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        process = await asyncio.create_subprocess_exec(
            *("bash", "--norc", "-c", asking),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
        assert err == b"", "it would be printed into the line that is being typed"
        return out.decode().split()

    return completed


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("exportctl cr", ["create"]),
        ("exportctl create --forma", ["--format"]),
        ("exportctl create --format js", ["json", "jsonl"]),
        ("exportctl list --state proc", ["processing"]),
        ("exportctl completion ", [*SHELLS]),
        ("exportctl get 019e", [ID]),
        ("exportctl get ", [ID]),
        ("exportctl create /x --since-export 019e", [ID]),
        ("exportctl redeliver msg_abab", [DELIVERY]),
        ("exportctl create /ent", ["/entities/{entityId}/invoices"]),
        ("exportctl create /entities/42/in", ["/entities/42/invoices"]),
        ("exportctl preview /entities/42/", ["/entities/42/invoices"]),
        ("exportctl create --type In", ["Invoices"]),
        ("exportctl collections In", ["Invoices"]),
        ("exportctl get zzz", []),
    ],
)
async def test_names_options_ids_and_collections_are_offered(complete: Complete, line: str, offered: list[str]) -> None:
    assert await complete(line) == offered


async def test_a_file_is_offered_by_its_beginning(complete: Complete, fake: FakeExportService) -> None:
    file = fake.exports[ID].file
    fake.contents["f11e0000"] = fake.contents.pop(file.id)
    file.id = "f11e0000"
    assert await complete("exportctl download f11e") == ["f11e0000"]


async def test_the_target_of_the_line_is_asked(complete: Complete, serving: Serving) -> None:
    assert await complete("exportctl --target 127.0.0.1:1 get 019e") == []
    assert await complete(f"exportctl --target {serving.target} get 019e") == [ID]


async def test_the_key_of_the_line_is_sent(complete: Complete, fake: FakeExportService, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("exd_of_somebody\n")
    assert await complete(f"exportctl --api-key-file {tmp_path / 'key'} get 019e") == [ID]
    sent = {metadata.get("authorization") for _, metadata, _ in fake.calls}
    assert sent == {"Bearer exd_of_somebody"}


async def test_a_service_that_refuses_or_is_away_offers_nothing(
    complete: Complete, serving: Serving, fake: FakeExportService
) -> None:
    fake.refusals["ListExports"] = [Refusal("INTERNAL", "INTERNAL")]
    assert await complete("exportctl get 019e") == []
    await serving.stop()
    assert await complete("exportctl get 019e") == []


async def test_a_service_that_never_answers_holds_no_shell_up(complete: Complete) -> None:
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(0), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    assert await complete(f"exportctl --target 127.0.0.1:{port} get 019e") == []
    silent.close()


@pytest.mark.parametrize("shell", SHELLS)
async def test_each_shell_has_a_script_that_asks_the_program(exportctl: Exportctl, shell: str) -> None:
    ended = await exportctl("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert f"{VARIABLE}={shell}_complete".encode() in ended.out
    words = {"COMP_WORDS": "exportctl cr", "COMP_CWORD": "cr" if shell == "fish" else "1"}
    asked = await exportctl(**{VARIABLE: f"{shell}_complete", **words})
    assert (asked.code, b"create" in asked.out) == (0, True)


def test_the_help_needs_neither_grpc_nor_protobuf_nor_rich() -> None:
    script = (
        "import sys\nfrom exportd_client.cli import main\n"
        "try:\n    main(args=['--help'])\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr.split()
    assert "click" in loaded
    assert {"asyncio", "exportd", "google", "grpc", "importlib.metadata", "rich"} & {*loaded} == set()
