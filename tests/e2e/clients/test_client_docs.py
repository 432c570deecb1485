"""The programs of docs/clients.md do what they say, where the tool to run them is installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.docs import pages
from tests.e2e.clients import npm
from tests.e2e.conftest import House
from tests.e2e.test_examples import DEFAULT_TARGET, FOLDER, run
from tests.patience import PATIENCE_S
from tests.tiers import deep, deep_but

ROOT = Path(__file__).parents[3]
PAGE = "docs/clients.md"
SERVICE_CONFIG = ROOT / "clients" / "python" / "exportd_client" / "service_config.json"
GO_LIBRARIES = Path("/usr/share/gocode")
"""Where Debian keeps those of golang-google-grpc-dev."""

JAVA_LIBRARIES = Path("/usr/share/java")
JAVA_LIBRARY = re.compile(r"grpc-|protobuf|guava|geronimo-ann|netty-|perfmark|opencensus-api|gson|failureaccess")
DEBIANS = {"protoc-gen-grpc-java": "grpc_java_plugin"}
"""What Debian calls a plugin."""

ONE_RUN = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Of Java: what runs once is not worth optimizing."""


def texts(language: str) -> list[str]:
    return [block.text for block in pages.blocks(PAGE, language)]


def program(language: str, name: str, target: str) -> str:
    """The block whose first line names it, with the address of the services under test."""
    (text,) = [block for block in texts(language) if block.split("\n", 1)[0].lstrip("#/ ") == name]
    return text.replace(DEFAULT_TARGET, target)


def test_every_program_is_run_by_a_test() -> None:
    named = {
        block.split("\n", 1)[0].lstrip("#/ ") for of in ("python", "typescript", "go", "java") for block in texts(of)
    }
    source = Path(__file__).read_text(encoding="utf-8")
    assert {name for name in named if f'"{name}"' not in source} == set()


@pytest.mark.parametrize(
    ("name", "said", "made"),
    deep_but(
        [
            ("export.py", "COMPLETED", "airports.csv"),
            ("script.py", "", "airports.jsonl"),
            ("frames.py", "(111279, ", ""),  # flights from JFK
        ],
        "export.py",
        "script.py",
    ),
)
def test_python(name: str, said: str, made: str, quiet_house: House, tmp_path: Path) -> None:
    out = run([sys.executable, "-c", program("python", name, quiet_house.target)], tmp_path, quiet_house.target)
    assert said in out
    assert not made or (tmp_path / made).stat().st_size > 1000


def test_the_readme_for_python(quiet_house: House, tmp_path: Path) -> None:
    (block,) = pages.blocks("clients/python/README.md", "python")
    assert DEFAULT_TARGET in block.text
    run([sys.executable, "-c", block.text.replace(DEFAULT_TARGET, quiet_house.target)], tmp_path, quiet_house.target)
    assert (tmp_path / "flights.csv").stat().st_size > 1_000_000


def test_python_connects(quiet_house: House, tmp_path: Path) -> None:
    """No one is there, but every client can be made; a certificate is read when the line is opened."""
    run([sys.executable, "-c", program("python", "connecting.py", quiet_house.target)], tmp_path, quiet_house.target)


DJANGO = """
import json, sys
from django.conf import settings
settings.configure(DEFAULT_CHARSET="utf-8")
from django.test import RequestFactory
sys.path.insert(0, ".")
import views
requests = RequestFactory()
begun = [json.loads(views.begin(requests.post("/", {"form_id": "one"})).content) for _ in range(2)]
assert begun[0] == begun[1], begun
export_id = begun[0]["id"]
views.exportd.wait(export_id)
assert json.loads(views.show(requests.get("/"), export_id).content)["state"] == "COMPLETED"
response = views.download(requests.get("/"), export_id)
content = b"".join(response.streaming_content)
assert len(content) == int(response["Content-Length"]) > 1000
print(content[:2].decode())
"""


@deep
def test_django_views(quiet_house: House, tmp_path: Path) -> None:
    (tmp_path / "views.py").write_text(program("python", "views.py", quiet_house.target))
    assert run([sys.executable, "-c", DJANGO], tmp_path, quiet_house.target) == "PK\n"


CELERY = """
import sys
sys.path.insert(0, ".")
import tasks
from celery.contrib.testing.worker import start_worker
tasks.app.conf.update(broker_url="memory://", result_backend="cache+memory://")
with start_worker(tasks.app, pool="solo", perform_ping_check=False):
    rows = [tasks.report.delay("2026-11-28", "report.csv").get() for _ in range(2)]
assert rows[0] == rows[1] > 100_000, rows
exports = [export for export in tasks.exportd.list() if export.uri == "/flights?origin=JFK" and export.format == 2]
assert len(exports) >= 1
"""


@deep
def test_a_celery_task(quiet_house: House, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(program("python", "tasks.py", quiet_house.target))
    run([sys.executable, "-c", CELERY], tmp_path, quiet_house.target)
    assert (tmp_path / "report.csv").read_bytes().startswith(b"id,")


@deep
@pytest.mark.parametrize("page", [PAGE, "clients/typescript/README.md"])
def test_node(page: str, quiet_house: House, tmp_path: Path) -> None:
    node = npm.built()
    (block,) = pages.blocks(page, "typescript")
    assert DEFAULT_TARGET in block.text
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "exportd-client").symlink_to(npm.PACKAGE)
    (tmp_path / "export.mts").write_text(block.text.replace(DEFAULT_TARGET, quiet_house.target))
    ended = subprocess.run(
        ["node", "export.mts"],
        cwd=tmp_path, env=node.environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "flights.xlsx").read_bytes().startswith(b"PK")


GO_CODEC = """
package main

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
)

// Debian's grpc 1.33 encodes by a library of 2020, which panics at what protoc-gen-go makes of a oneof.
type codec struct{}

func (codec) Marshal(v interface{}) ([]byte, error)      { return proto.Marshal(v.(proto.Message)) }
func (codec) Unmarshal(data []byte, v interface{}) error { return proto.Unmarshal(data, v.(proto.Message)) }
func (codec) Name() string                               { return "proto" }

func init() { encoding.RegisterCodec(codec{}) }
"""


@deep
def test_go(quiet_house: House, tmp_path: Path) -> None:
    """With Debian's golang-go, protoc-gen-go, protoc-gen-go-grpc and golang-google-grpc-dev."""
    missing = [name for name in ("go", "protoc-gen-go", "protoc-gen-go-grpc") if not shutil.which(name)]
    if missing or not (GO_LIBRARIES / "src/google.golang.org/grpc").exists():
        pytest.skip(f"Go was not tried: there is no {', '.join(missing) or 'golang-google-grpc-dev'}")
    generated("go", tmp_path / "src")
    (tmp_path / "src" / "example").mkdir()
    (tmp_path / "src" / "example" / "main.go").write_text(program("go", "main.go", quiet_house.target))
    (tmp_path / "src" / "example" / "codec.go").write_text(GO_CODEC)
    environ = {
        **os.environ,
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPATH": f"{tmp_path}:{GO_LIBRARIES}",
    }
    built = subprocess.run(
        ["go", "build", "-o", tmp_path / "example", "example"],
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    out = run([tmp_path / "example", quiet_house.target, SERVICE_CONFIG], tmp_path, quiet_house.target)
    assert out == "STATE_COMPLETED 1458\n"
    assert len((tmp_path / "airports.csv").read_text().splitlines()) == 1459


@deep
@pytest.mark.parametrize(
    ("language", "suffix", "names"),
    [("java", "java", "Export.java"), ("csharp", "cs", "Export.cs"), ("python", "py", "export_pb2.py")],
)
def test_other_languages_are_generated(language: str, suffix: str, names: str, tmp_path: Path) -> None:
    """Their messages; their stubs where the plugin of gRPC is installed. Java and C# need Debian's protoc."""
    if language != "python" and not shutil.which("protoc"):
        pytest.skip(f"{language} was not generated: there is no protoc")
    generated(language, tmp_path)
    files = [path.name for path in tmp_path.rglob(f"*.{suffix}")]
    assert names in files
    assert len(files) >= 6


def generated(language: str, into: Path) -> None:
    """By its template, into another folder; without plugins that are not installed."""
    template = ROOT / "clients" / language / "buf.gen.yaml"
    text = re.sub(r"out: .*", f"out: {into}", template.read_text(encoding="utf-8"))
    for name, debians in DEBIANS.items():
        text = text if shutil.which(name) else text.replace(name, debians)
    head, *plugins = re.split(r"^(?=  - (?:local|protoc_builtin): )", text, flags=re.MULTILINE)
    there = [each for each in plugins if "protoc_builtin" in each or shutil.which(each.split()[2])]
    assert there
    (into.parent / f"{language}.yaml").write_text(head + "".join(there))
    made = subprocess.run(
        [Path(sys.executable).with_name("buf"), "generate", "--template", into.parent / f"{language}.yaml"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        env={**os.environ, "PATH": f"{FOLDER}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr


@deep
def test_java(quiet_house: House, tmp_path: Path) -> None:
    """With Debian's default-jdk-headless, libgrpc-java, libnetty-java, protobuf-compiler and its plugin for Java."""
    jars = [path for path in JAVA_LIBRARIES.glob("*.jar") if JAVA_LIBRARY.match(path.name)]
    told = subprocess.run(["javac", "-version"], capture_output=True, check=False) if shutil.which("javac") else None
    plugin = shutil.which("protoc") and any(map(shutil.which, ("protoc-gen-grpc-java", *DEBIANS.values())))
    if told is None or told.returncode or not plugin or not any(jar.name.startswith("protobuf") for jar in jars):
        pytest.skip("Java was not tried: there is no javac that works, no protoc with its plugin, or no libraries")
    generated("java", tmp_path / "src")
    (tmp_path / "src" / "Example.java").write_text(program("java", "Example.java", DEFAULT_TARGET))
    path = ":".join(map(str, [tmp_path, *jars]))
    sources = ["-sourcepath", tmp_path / "src", tmp_path / "src" / "Example.java"]  # and what the program names
    compiler = ["javac", *(f"-J{option}" for option in ONE_RUN), "-nowarn", "-proc:none"]
    run([*compiler, "-d", tmp_path, "-cp", path, *sources], tmp_path, DEFAULT_TARGET)
    assert run(["java", *ONE_RUN, "-cp", path, "Example", quiet_house.target], tmp_path, DEFAULT_TARGET) == (
        "STATE_COMPLETED 1458\n"
    )


def test_grpcurl(quiet_house: House, tmp_path: Path) -> None:
    for line in pages.commands(PAGE):
        if line.startswith("grpcurl") and "…" not in line:
            run(["sh", "-c", line.replace(DEFAULT_TARGET, quiet_house.target)], tmp_path, quiet_house.target)


def test_reflection_names_what_it_asks_for(quiet_house: House) -> None:
    """What grpcurl needs: the services, the methods and the fields of the commands on the page."""
    calls = [re.search(r"-d '(.*)' \S+ (\S+)/(\S+)", line) for line in pages.commands(PAGE)]
    with grpc.insecure_channel(quiet_house.target) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        for call in filter(None, calls):
            method = pool.FindServiceByName(call[2]).methods_by_name[call[3]]
            assert json.loads(call[1]).keys() <= {*method.input_type.fields_by_name}
    assert len([*filter(None, calls)]) == 2
