"""A fault in an archive is one to each of the programs that are asked."""

import zipfile

import pytest

from tests.linters.archivers import exit_code
from tests.linters.libarchive_reader import FAULT

CONTENT = b"all of this is stored as it is"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "status"),
    [(("unzip", "-tqq"), 2), (("zip", "-T"), 8), (("7zz", "t"), 2), (("libarchive",), FAULT)],
    ids=lambda c: c[0] if isinstance(c, tuple) else "",
)
def test_a_changed_byte_is_a_fault(tmp_path, command, status):
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("stored.txt", CONTENT)
    assert exit_code(*command, path) == 0
    path.write_bytes(path.read_bytes().replace(CONTENT, CONTENT.upper()))
    assert exit_code(*command, path) == status
