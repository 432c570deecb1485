"""Sources of kind http and object in sources.toml: every mistake at once, and no secret shown."""

import pickle
from pathlib import Path

import pytest

from services.runtime.toml import FileError
from services.worker.sources.attachments.settings import BucketSettings
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.settings import load
from services.worker.sources.stores.s3 import ObjectRoot

GOOD = """
[sources.crm]
kind = "http"
url = "https://crm.example.com:8443/api/"
headers = { Authorization = { env = "CRM_TOKEN" }, X-Key = { file = "key" }, X-Version = "2" }
requests_per_second = 2.5
timeout_s = 20
max_pages = 10
allow_private = true
[sources.plain]
kind = "http"
url = "http://[::1]"
[sources.archive]
kind = "object"
root = "s3://archive/invoices"
"""

BAD = {
    "url": ['"ftp://h"', '"https://"', '"https://me:hunter2@h"', '"https://h/?k=hunter2"', '"https://h:x"', "5", '""'],
    "headers": ['"hunter2"', "5"],
    "headers.Host": ['"h"'],
    "headers.bad name": ['"h"'],
    "headers.A": ['{ env = "NONE" }', '{ file = "none" }', "5", '{ text = "hunter2" }', '"a\\nb"', '"ñ"', "{}"],
    "timeout_s": ["0", "-1", "nan", "inf", "1e300", '"5"', "true"],
    "retry_s": ["-1", "inf"],
    "requests_per_second": ["-0.1", "nan"],
    "max_pages": ["0", "1.5"],
    "max_page_bytes": ["0", '"1"'],
    "allow_private": ['"yes"', "1"],
    "colour": ['"red"'],
}


def loaded(directory: Path, text: str) -> dict[str, SourceSettings]:
    (directory / "key").write_text(" from-a-file\n")
    (directory / "sources.toml").write_text(text)
    return load(directory / "sources.toml", {"CRM_TOKEN": "Bearer from-env"})


def test_an_api_has_headers_from_wherever_they_are_kept(tmp_path: Path) -> None:
    found = loaded(tmp_path, GOOD)
    headers = (("Authorization", "Bearer from-env"), ("X-Key", "from-a-file"), ("X-Version", "2"))
    assert found["crm"] == HttpSettings(
        "crm", "https://crm.example.com:8443/api", headers, True, 2.5, timeout_s=20, max_pages=10
    )
    assert found["plain"] == HttpSettings("plain", "http://[::1]")
    assert found["archive"] == BucketSettings("archive", ObjectRoot("archive", "invoices"))


def test_settings_travel_to_a_child_and_show_no_header(tmp_path: Path) -> None:
    found = loaded(tmp_path, GOOD)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - its own bytes
    assert "from-" not in repr(found)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_a_mistake_is_named_by_its_key_and_shows_no_secret(tmp_path: Path, key: str, value: str) -> None:
    start, _, name = key.partition(".")
    given = f'{start}."{name}" = {value}' if name else f"{key} = {value}"
    url = "" if key == "url" else 'url = "https://h"\n'
    with pytest.raises(FileError) as mistaken:
        loaded(tmp_path, f'[sources.a]\nkind = "http"\n{url}{given}\n')
    place = f"[sources.a.{start}] {name}" if name else f"[sources.a] {key}"
    table = f"[sources.a.{key}] this is not a table"
    assert str(mistaken.value.mistakes[0]).startswith((f"{place}: ", table))
    assert "hunter2" not in str(mistaken.value)


def test_objects_need_an_address_of_objects(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"\[sources.a\] root: must be s3://"):
        loaded(tmp_path, '[sources.a]\nkind = "object"\nroot = "files"\n')
