"""What is released together has one version."""

import json
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _project(folder: str) -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    return project


def test_services_and_clients_have_one_version_and_go_together() -> None:
    services, client = _project("."), _project("clients/python")
    package, lock = (
        json.loads((ROOT / "clients/typescript" / name).read_text(encoding="utf-8"))
        for name in ("package.json", "package-lock.json")
    )
    versions = {
        services["version"],
        client["version"],
        package["version"],
        lock["version"],
        lock["packages"][""]["version"],
    }
    assert len(versions) == 1
    assert f"exportd-client=={services['version']}" in services["dependencies"]  # type: ignore[operator]


@pytest.mark.parametrize("client", ["python", "typescript"])
def test_each_client_has_the_license_that_it_names(client: str) -> None:
    """What is installed alone has it with it."""
    assert (ROOT / "clients" / client / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
