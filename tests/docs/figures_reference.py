"""docs/reference/figures.md: the last whole measurement, which bench/figures.json keeps.

After `make bench`, take results from build/bench.json into bench/figures.json, and run `make docs`.
"""

import json
from pathlib import Path
from typing import Any

KEPT = Path(__file__).parents[2] / "bench" / "figures.json"
HEAD = ("figure", "what is measured", "exportd", "peer", "ratio", "goal", "peak memory", "the peer and remarks")


def measurement() -> dict[str, Any]:
    """`results` are those of build/bench.json, each with its `meaning`; `remarks` are paragraphs."""
    content: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return content


def rows() -> list[tuple[str, ...]]:
    """Of the table, one a figure."""
    return [_row(result) for result in measurement()["results"]]


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"`{result['name']}`",
        result["meaning"],
        f"{_number(result['ours'])} {result['unit']}",
        _number(result["peer"]),
        _number(result["ratio"]),
        result["goal"],
        f"{_number(result['rss_mb'])} MB" if result["rss_mb"] else "",
        result["peer_name"],
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,}"
