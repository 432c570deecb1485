"""`import exportd_client` loads nothing; its names are loaded when they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import exportd_client


def _for_type_checkers() -> dict[str, str]:
    """Names that type checkers see, each with the module that it is from."""
    tree = ast.parse(Path(exportd_client.__file__).read_text(encoding="utf-8"))
    (only_types,) = (n for n in tree.body if isinstance(n, ast.If) and isinstance(n.test, ast.Name))
    imports = [node for node in only_types.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_type_checkers_see_the_names_that_there_are() -> None:
    assert _for_type_checkers() == exportd_client._HOMES
    assert sorted(exportd_client._HOMES) == sorted(exportd_client.__all__)


@pytest.mark.parametrize("name", exportd_client.__all__)
def test_each_name_is_there(name: str) -> None:
    assert getattr(exportd_client, name) is not None
    assert name in dir(exportd_client)


def test_another_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Exprot'"):
        exportd_client.Exprot  # noqa: B018


@pytest.mark.slow
def test_importing_it_alone_loads_no_grpc() -> None:
    script = "import exportd_client, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert {"grpc", "google.protobuf", "asyncio"} & {*loaded} == set()
