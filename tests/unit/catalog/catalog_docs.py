"""docs/catalog.md: its examples, and the tables of keys in it, which are made of the ones that the reader goes by.

python -m tests.unit.catalog.catalog_docs writes those tables and docs/catalog.schema.json again.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from services.api.catalog.definition import keys
from services.api.catalog.definition.keys import Key
from services.api.catalog.definition.schema import catalog_schema

DOCS = Path(__file__).parents[3] / "docs"
PAGE, SCHEMA = DOCS / "catalog.md", DOCS / "catalog.schema.json"
BEGIN, END = "<!-- keys -->\n", "<!-- /keys -->"

TABLES: dict[str, Mapping[str, Key]] = {
    "[sources.ID]": keys.SOURCE,
    "[collections.CODE]": keys.COLLECTION,
    "[collections.CODE.parameters.NAME]": keys.PARAMETER,
    "[[collections.CODE.columns]]": keys.COLUMN,
    '[collections.CODE.attachments."FILE TYPE"]': keys.ATTACHMENT,
    "[collections.CODE.http]": keys.HTTP,
    "[collections.CODE.limits]": keys.LIMITS,
}


def examples(file: str) -> list[str]:
    """The blocks of TOML on the page that begin with the name of a file."""
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if block.startswith(f"# {file}\n")]


def tables_of_keys() -> str:
    """One table of Markdown for each table of the file."""
    return "\n".join(f"### `{name}`\n\n{_table(of)}" for name, of in TABLES.items())


def _table(of: Mapping[str, Key]) -> str:
    rows = [
        f"| `{name}` | {'yes' if key.needed else ''} | {_cell(key.doc)}{_choice(key)} |" for name, key in of.items()
    ]
    return "\n".join(["| key | needed | |", "|---|---|---|", *rows]) + "\n"


def _choice(key: Key) -> str:
    known = key.schema.get("enum")
    return f" One of {', '.join(f'`{k}`' for k in known)}." if known else ""


def _cell(text: str) -> str:
    return re.sub(r"([*_|])", r"\\\1", text) if "`" not in text else text


def page() -> str:
    """The page with its tables as they must be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}{tables_of_keys()}{END}{rest.partition(END)[2]}"


def schema() -> str:
    """The schema as `exportd-api catalog schema` writes it."""
    return json.dumps(catalog_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n{SCHEMA}\n")
