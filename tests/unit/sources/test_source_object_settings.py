"""Object stores in sources.toml: where they are, and keys that never stand in the file."""

from pathlib import Path

import pytest

from services.runtime.toml import FileError
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from services.worker.sources.kind import SourceSettings
from services.worker.sources.settings import load
from services.worker.sources.stores.s3 import ObjectRoot

ENVIRON = {"LAKE_KEY": "key-of-tests", "LAKE_SECRET": "secret-of-tests"}
GOOD = """
[sources.lake]
kind = "parquet"
root = "s3://lake-of-ours/invoices/2026/"
endpoint = "https://objects.example:9000/"
region = "eu-west-1"
access_key = { env = "LAKE_KEY" }
secret_key = { file = "secret" }
source_time_zone = "America/Mexico_City"
[sources.public]
kind = "csv"
root = "s3://public.bucket"
"""


def loaded(directory: Path, text: str) -> dict[str, SourceSettings]:
    (directory / "sources.toml").write_text(text)
    return load(directory / "sources.toml", ENVIRON)


def mistakes(directory: Path, text: str) -> list[str]:
    with pytest.raises(FileError) as mistaken:
        loaded(directory, f'[sources.a]\nkind = "parquet"\n{text}')
    for secret in (*ENVIRON.values(), "hunter2"):
        assert secret not in str(mistaken.value)
    return [str(m) for m in mistaken.value.mistakes]


def test_a_store_with_keys_and_one_without(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret-of-tests\n")
    found = loaded(tmp_path, GOOD)
    expected = ObjectRoot(
        "lake-of-ours", "invoices/2026", "https://objects.example:9000", "eu-west-1", "key-of-tests", "secret-of-tests"
    )
    assert found["lake"] == ParquetSettings("lake", expected, "America/Mexico_City")
    assert found["public"] == CsvSettings("public", ObjectRoot("public.bucket"))
    assert "of-tests" not in repr(found)


def test_paths_in_a_bucket() -> None:
    assert ObjectRoot("lake").path("a/b") == "lake/a/b"
    assert ObjectRoot("lake", "in/side").path("a/b") == "lake/in/side/a/b"
    assert ObjectRoot("lake", "in/side").path("") == "lake/in/side"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('root = "s3://"', "[sources.a] root: must be s3://BUCKET or s3://BUCKET/PREFIX"),
        ('root = "s3://lake/../other"', "[sources.a] root: must be s3://BUCKET or s3://BUCKET/PREFIX"),
        (
            'root = "s3://lake"\nendpoint = "https://me:hunter2@host"',
            "[sources.a] endpoint: must be https://HOST or https://HOST:PORT, or http",
        ),
        ('root = "s3://lake"\nregion = 5', "[sources.a] region: must be a text that is not empty"),
        ('root = "s3://lake"\nreegion = "x"', "[sources.a] reegion: unknown key; did you mean region?"),
        (
            'root = "s3://lake"\naccess_key = { env = "LAKE_KEY" }',
            "[sources.a] access_key: goes together with secret_key",
        ),
        (
            'root = "s3://lake"\naccess_key = "hunter2"\nsecret_key = { env = "LAKE_SECRET" }',
            '[sources.a] access_key: must be { env = "NAME" }, { file = "PATH" } or { command = "PROGRAM WORDS" }',
        ),
        (
            'root = "s3://lake"\naccess_key = { env = "NONE" }\nsecret_key = { env = "LAKE_SECRET" }',
            "[sources.a] access_key: the environment has no NONE",
        ),
    ],
)
def test_mistakes_are_named_and_secrets_are_not(tmp_path: Path, text: str, expected: str) -> None:
    assert mistakes(tmp_path, text) == [expected]
