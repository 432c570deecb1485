"""The page about the catalog and the schema for editors are what the reader goes by."""

import json
import os
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from services.api.catalog.definition.file import load
from services.api.catalog.definition.source_kinds import SOURCE_KINDS
from services.api.commands.catalog import run
from services.worker.sources.settings import load as load_sources
from tests.patience import PATIENCE_S
from tests.unit.catalog import catalog_docs
from tests.unit.catalog.grammar_cases import CATALOG

ROOT = Path(__file__).parents[3]
ENVIRON = dict.fromkeys(("SHOP_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "CRM_AUTHORIZATION"), "secret")


@pytest.fixture(scope="module")
def validator() -> jsonschema.protocols.Validator:
    schema = json.loads(catalog_docs.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def errors(validator: jsonschema.protocols.Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


def test_the_page_and_the_schema_are_made_of_the_tables_of_keys() -> None:
    assert catalog_docs.PAGE.read_text(encoding="utf-8") == catalog_docs.page()
    assert catalog_docs.SCHEMA.read_text(encoding="utf-8") == catalog_docs.schema()


@pytest.mark.parametrize("text", catalog_docs.examples("catalog.toml"))
def test_every_example_of_a_catalog_is_sound(
    validator: jsonschema.protocols.Validator, tmp_path: Path, text: str
) -> None:
    assert errors(validator, text) == []
    (tmp_path / "catalog.toml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "catalog.toml").collections


def test_the_examples_show_every_kind_of_source() -> None:
    shown = {
        s["kind"] for text in catalog_docs.examples("catalog.toml") for s in tomllib.loads(text)["sources"].values()
    }
    assert shown == set(SOURCE_KINDS)


@pytest.mark.parametrize("text", catalog_docs.examples("sources.toml"))
def test_every_example_of_sources_is_one_that_the_worker_takes(tmp_path: Path, text: str) -> None:
    (tmp_path / "sources.toml").write_text(text, encoding="utf-8")
    assert load_sources(tmp_path / "sources.toml", ENVIRON)


def test_the_examples_of_sources_are_those_of_the_catalogs() -> None:
    def kinds(file: str) -> list[dict[str, str]]:
        found = [tomllib.loads(text)["sources"] for text in catalog_docs.examples(file)]
        return [{id_: source["kind"] for id_, source in sources.items()} for sources in found]

    assert kinds("catalog.toml") == kinds("sources.toml")


def test_the_schema_takes_the_catalogs_that_there_are(validator: jsonschema.protocols.Validator, sound: str) -> None:
    for text in (sound, CATALOG, (ROOT / "sample" / "catalog.toml").read_text(encoding="utf-8")):
        assert errors(validator, text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('kind = "sql"', 'kind = "sqlite"'),
        ("description =", "descripton ="),
        ('"JSONL"]', '"csv"]'),
        ('source = "books"\ntable', "table"),
        ("decimal(18,2)", "decimal(18)"),
        ("filter = false", 'filter = "no"'),
        ('{ field = "carrier" }', '{ name = "carrier" }'),
        ('{ field = "carrier" }', '{ field = "carrier", mask = "hide" }'),
        ('{ field = "carrier" }', '{ field = "carrier", match = "fuzzy" }'),
        ('key = "id"', 'key = "id"\nlimits.max_rows = 0'),
        ('columns = [{ field = "carrier" }]', "columns = []"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(
    validator: jsonschema.protocols.Validator, sound: str, tmp_path: Path, old: str, new: str
) -> None:
    assert old in sound
    text = sound.replace(old, new, 1)
    assert errors(validator, text)
    (tmp_path / "catalog.toml").write_text(text, encoding="utf-8")
    out, err = StringIO(), StringIO()
    assert run(["check", str(tmp_path / "catalog.toml")], {}, out, err) == 1
    assert "has 1 mistake:" in err.getvalue()


# ---- the command


def ran(*arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    return run(arguments, environ or {}, out, err), out.getvalue(), err.getvalue()


@pytest.fixture
def file(tmp_path: Path, sound: str) -> str:
    (tmp_path / "catalog.toml").write_text(sound, encoding="utf-8")
    return str(tmp_path / "catalog.toml")


def test_a_sound_file_is_checked_by_name_or_as_the_api_would_find_it(file: str) -> None:
    assert ran("check", file) == (0, f"{file} is valid: 3 collections\n", "")
    assert ran("check", environ={"EXPORTD_CATALOG": file})[0] == 0
    assert ran("check") == (1, "", "name the file as an argument or in EXPORTD_CATALOG\n")


def test_mistakes_come_as_json_for_programs(file: str, sound: str) -> None:
    Path(file).write_text(sound.replace('kind = "sql"', 'kind = "sqlite"'), encoding="utf-8")
    code, out, err = ran("check", file, "--output", "json")
    told: dict[str, Any] = json.loads(out)
    assert (code, err, told["valid"]) == (1, "", False)
    assert [(m["table"], m["key"]) for m in told["mistakes"]] == [("[sources.books]", "kind")]


def test_a_catalog_is_shown_with_its_defaults(file: str) -> None:
    code, out, _ = ran("show", file, "--output", "json")
    shown = json.loads(out)["collections"]
    assert (code, [c["code"] for c in shown]) == (0, ["Invoices", "Items", "Flights"])
    status = next(c for c in shown[0]["columns"] if c["field"] == "status")
    assert (status["name"], status["match"], status["filter"], status["nulls"]) == ("status", "exact", True, "last")
    text = ran("show", file, "--collection", "Flights")[1]
    assert text.splitlines()[:2] == ["Flights  /flights", "  from parquet trips: file 2013/*.parquet"]
    assert ran("show", file, "--collection", "Flihts") == (
        1,
        "",
        "there is no collection Flihts; did you mean Flights?\n",
    )


def test_the_schema_is_the_one_beside_the_page() -> None:
    assert ran("schema")[1] == catalog_docs.SCHEMA.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_command_is_one_of_the_api_and_needs_no_settings(file: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EXPORTD_")}
    command = [sys.executable, "-m", "services.api", "catalog", "check", file]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{file} is valid: 3 collections\n", "")
