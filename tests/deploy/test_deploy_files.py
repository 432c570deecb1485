"""The files of deploy/ are what their programs take, and name settings, ports and versions that there are.

Nobody builds an image here: `make rehearse` does what can be done of it without Docker.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.api import settings_help as api_settings
from services.gateway import settings_help as gateway_settings
from services.worker import settings_help as worker_settings
from tests.docs import alerts_reference
from tests.tiers import deep

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
KUBERNETES = DEPLOY / "kubernetes" / "exportd.yaml"
COMPOSE = DEPLOY / "compose"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CLIENTS = {"EXPORTD_TARGET", "EXPORTD_API_KEY_FILE", "EXPORTD_TLS_AUTHORITY"}
OWN = {"EXPORTD_DATABASE_PASSWORD", "EXPORTD_STORE_SECRET"}
"""What compose.yaml asks of its .env."""

SETTING = re.compile(r"\bEXPORTD_[A-Z_]+[A-Z]\b")
METRIC = re.compile(r"\bexportd_[a-z_]+\b")
IMAGE = re.compile(r"\bexport(?:d-api|d-worker|d-gateway|ctl):([0-9.]+)")


def ran(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def well(ended: subprocess.CompletedProcess[str]) -> None:
    assert ended.returncode == 0, ended.stdout + ended.stderr


def files() -> list[Path]:
    return [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and path.suffix not in (".py", ".pyc")]


@pytest.mark.parametrize("file", files(), ids=lambda path: path.name)
def test_a_setting_is_one_that_there_is(file: Path) -> None:
    known = {*api_settings.HELP, *worker_settings.HELP, *gateway_settings.HELP} | CLIENTS | OWN
    known |= {f"{name}_FILE" for name in known if name.endswith(("_TOKEN", "_KEY", "_PASSWORD", "_DATABASE"))}
    assert {*SETTING.findall(file.read_text(encoding="utf-8"))} <= known


def test_images_have_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    named = {found for file in files() for found in IMAGE.findall(file.read_text(encoding="utf-8"))}
    assert named == {version}


def test_the_dockerfile_has_no_fault() -> None:
    well(ran(BIN / "hadolint", DEPLOY / "Dockerfile"))


def test_a_fault_of_a_dockerfile_is_found(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && pip install polars\n")
    assert ran(BIN / "hadolint", tmp_path / "Dockerfile").returncode == 1


def test_the_images_hold_what_the_wheels_are_built_of() -> None:
    """Everything that COPY names is let through by the .dockerignore beside it."""
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split() if line.startswith("!")}
    names = {name for line in copied for name in line.split()}
    assert names <= kept
    assert all((ROOT / name).exists() for name in names)


def test_the_compose_file_is_one() -> None:
    well(ran(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE / "compose.yaml"))


def test_what_the_compose_file_mounts_is_there() -> None:
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))["services"]
    mounted = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert {name for name in mounted if name.startswith("./") and not (COMPOSE / name).exists()} == {"./downloads"}


def test_the_manifest_is_what_kubernetes_takes() -> None:
    well(ran(BIN / "kubernetes-validate", "--strict", KUBERNETES))


def test_what_the_manifest_refers_to_is_in_it_or_told_at_its_top() -> None:
    text = KUBERNETES.read_text(encoding="utf-8")
    told = text[: text.index("apiVersion")]
    made = {document["metadata"]["name"] for document in yaml.safe_load_all(text)}
    asked = set(re.findall(r"(?:secretName|configMapRef: {name|configMap: {name|secretKeyRef: {name): ([\w-]+)", text))
    assert {name for name in asked - made if name not in told} == set()


def test_kubernetes_waits_longer_than_the_services_drain() -> None:
    for document in yaml.safe_load_all(KUBERNETES.read_text(encoding="utf-8")):
        if document["kind"] != "Deployment":
            continue
        pod = document["spec"]["template"]["spec"]
        environ = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        assert pod["terminationGracePeriodSeconds"] > int(environ.get("EXPORTD_DRAIN_GRACE_S") or 60)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_what_systemd_takes(unit: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed: Debian's package systemd brings it")
    text = unit.read_text(encoding="utf-8").replace("/opt/exportd/bin", str(BIN))
    (tmp_path / unit.name).write_text(text, encoding="utf-8")
    verified = ran("systemd-analyze", "verify", "--man=no", tmp_path / unit.name)
    assert [line for line in verified.stderr.splitlines() if unit.name in line] == []
    assert verified.returncode == 0
    well(ran("systemd-analyze", "security", "--offline=true", "--threshold=20", tmp_path / unit.name))


def _kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".env"}


@deep
def test_the_set_up_makes_what_is_missing_and_leaves_what_is_there(tmp_path: Path) -> None:
    trust = tmp_path / "trust"
    trust.mkdir()
    environ = os.environ | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "EXPORTD_CATALOG": str(COMPOSE / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(tmp_path / "data"),
        "EXPORTD_SECRET_KEY_FILE": str(trust / "secret.key"),
        "EXPORTD_TLS_CERTIFICATE": str(trust / "api.pem"),
        "EXPORTD_TLS_KEY": str(trust / "api.key"),
    }
    well(ran("sh", COMPOSE / "setup.sh", env=environ))
    made = _kept(trust)
    assert {"secret.key", "authority.pem", "api.pem", "api.key", "api-key", "worker-token"} <= {*made}
    well(ran("sh", COMPOSE / "setup.sh", env=environ))
    assert _kept(trust) == made


def test_the_catalog_and_the_sources_of_the_example_fit(tmp_path: Path) -> None:
    well(ran(BIN / "exportd-api", "catalog", "check", COMPOSE / "catalog.toml"))
    sources = (COMPOSE / "sources.toml").read_text(encoding="utf-8").replace("/etc/exportd/data", str(COMPOSE / "data"))
    (tmp_path / "sources.toml").write_text(sources, encoding="utf-8")
    environ = os.environ | {"EXPORTD_SOURCES": str(tmp_path / "sources.toml")}
    well(ran(BIN / "exportd-worker", "check", "--catalog", COMPOSE / "catalog.toml", env=environ))


def test_an_alert_watches_metrics_that_there_are() -> None:
    reference = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| `(exportd_\w+)`", reference, re.MULTILINE))
    asked = {name.removesuffix("_bucket") for rule in alerts_reference.rules() for name in METRIC.findall(rule["expr"])}
    assert asked - {"exportd"} <= shown


def test_an_alert_says_what_happened_and_what_to_do() -> None:
    rules = alerts_reference.rules()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    assert all({*rule["annotations"]} == {"summary", "action"} for rule in rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}
