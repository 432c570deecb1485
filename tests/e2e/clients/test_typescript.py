"""clients/typescript: its types, its line, and its calls against the real services."""

import re
from pathlib import Path

import pytest

from tests.e2e.clients import npm
from tests.e2e.conftest import House
from tests.linters.node import Node
from tests.servers.certificates import certified
from tests.tiers import deep


@pytest.fixture(scope="session")
def node() -> Node:
    return npm.built()


def test_the_lock_file_names_no_registry() -> None:
    assert re.findall(r"https?://[^\"]*\.tgz|\"resolved\"", (npm.PACKAGE / "package-lock.json").read_text()) == []


@deep
def test_tests_and_library_have_right_types(node: Node) -> None:
    checked = npm.run(node, *node.npm, "run", "--silent", "check")
    assert checked.returncode == 0, checked.stdout


@deep
@pytest.mark.parametrize("file", ["line", "direct", "services"])
def test_its_own_tests_pass(file: str, node: Node, quiet_house: House, tmp_path: Path) -> None:
    certified(tmp_path)
    more = {"EXPORTD_TARGET": quiet_house.target, "CERTIFICATES": str(tmp_path)}
    ended = npm.run(node, "node", "--test", f"test/{file}.test.ts", **more)
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"^\S+ fail 0$", ended.stdout, re.MULTILINE)
    assert not re.search(r"^\S+ pass 0$", ended.stdout, re.MULTILINE)
