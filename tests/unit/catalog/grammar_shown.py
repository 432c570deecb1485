"""What a query means, in words; and docs/query-grammar.md, which is made of the table of cases.

python -m tests.unit.catalog.grammar_shown writes the page again.
"""

import sys
from datetime import date, datetime
from pathlib import Path

from services.api.catalog.query import grammar
from services.api.catalog.query.parser import Query
from services.api.catalog.query.work import MAX_COMPARISONS, TEXT_COMPARISONS
from services.contract.codes import WarningCode
from services.contract.spec import All, AnyOf, Filter, Operator, OrderTerm, Term, Value
from tests.unit.catalog.grammar_cases import EVERYTHING, SECTIONS, Case

PAGE = Path(__file__).parents[3] / "docs" / "query-grammar.md"

HEAD = """# The grammar of queries

This page defines queries: the part of a URI after the `?`, or the field `query` of a request that names a collection by
its code. [Queries](queries.md) is an introduction. The grammar is that of API Platform, so that URIs of such an API can
be exported as they are. A test runs every row of the tables below.

```text
{grammar}
```

There are two modes:

- **STRICT**, the default, refuses every unknown or invalid parameter. The refusal names each of them, with the nearest
  known name.
- **LENIENT** is for callers who are used to a server that ignores such parameters. It drops them, and the export has a
  warning for each (`PARAMETER_IGNORED`). If a parameter is repeated, the last one counts, as in PHP
  (`PARAMETER_REPEATED`). A dropped filter means **more rows**: look at the warnings. Parameters of the path and `page`
  are never dropped; if they are invalid, the request is refused.

Rules for both modes:

- The [catalog](catalog.md) says by which properties callers may filter and sort, and how text is compared (`match`).
- Text is compared by its characters, or, if case is ignored, by the case folding of Unicode. The collation of the
  database has no effect. `%` and `_` are ordinary characters.
- A null matches `exists[…]=false`. It also matches `[before]` or `[after]` if the catalog says so for the column.
- A date without a time means midnight in the `time_zone` of the request. `issuedAt[before]=2026-01-31` leaves out
  nearly all of January 31, and the export has a warning.
- The key is always the last term of an order.
- A query compares each row with at most {comparisons} values. A value that is compared with a part of a text (every
  `match` but `exact`), or without regard to case, counts as {text} values.

Each row has a query, its meaning, its meaning in LENIENT mode if that differs, and the origin of the case. A refused
query has **refused** and a part of the error message. `FilterTest` and `Pagination` are tests and classes of API
Platform (`src/Doctrine`, `src/Serializer`, `src/State`, `tests/Functional`), with properties of the collection here.
"""

_WORDS = {operator: operator.value for operator in Operator}
_SILENT = (WarningCode.PARAMETER_IGNORED, WarningCode.PARAMETER_REPEATED)


def meaning(query: Query) -> str:
    """Filter, order, columns and rows of a query, without the term of its path and an order that was not asked for."""
    told = [" and ".join(_filter(f) for f in query.filter.filters[1:]) or EVERYTHING]
    if "order[" in query.canonical.replace("order[issuedAt]=desc", ""):
        told.append("by " + ", ".join(map(_order, query.order)))
    if query.properties:
        told.append("columns " + ", ".join(query.properties))
    if query.page:
        told.append(f"rows {query.page.offset + 1} to {query.page.offset + query.page.limit}")
    warned = any(w.code not in _SILENT for w in query.warnings)
    return "; ".join(told) + (", with a warning" if warned else "")


def _filter(node: Filter) -> str:
    match node:
        case All(filters):
            return " and ".join(map(_filter, filters))
        case AnyOf(filters):
            return f"({' or '.join(map(_filter, filters))})"
        case Term():
            values = " or ".join(map(_value, node.values))
            case_ = " in any case" if node.ignore_case else ""
            null = " or null" if node.or_null else ""
            return f"{node.column} {_WORDS[node.operator]} {values}".rstrip() + case_ + null


def _value(value: Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case str():
            return f"'{value}'"
        case _:
            return str(value)


def _order(term: OrderTerm) -> str:
    return ("-" if term.descending else "") + term.column + (" (nulls first)" if term.nulls_first else "")


def page() -> str:
    """The whole page."""
    assert grammar.__doc__
    text = grammar.__doc__.split("\n\n")[1]
    rules = "\n".join(line.removeprefix("    ") for line in text.splitlines())
    tables = [f"## {title}\n\n{_table(cases)}" for title, cases in SECTIONS.items()]
    return "\n".join(
        [HEAD.format(grammar=rules, comparisons=MAX_COMPARISONS, text=TEXT_COMPARISONS), "\n".join(tables)]
    )


def _table(cases: list[Case]) -> str:
    rows = ["| query | means | LENIENT | from |", "|---|---|---|---|"]
    for case in cases:
        means = f"**refused**: {case.means}" if case.refused else case.means
        lenient = "" if case.leniently == case.means else case.leniently
        rows.append(f"| {_code(case.query)} | {_cell(means)} | {_cell(lenient)} | {_cell(case.source)} |")
    return "\n".join(rows) + "\n"


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
