"""The alert rules of deploy/prometheus, as rows of docs/reference/alerts.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / "deploy" / "prometheus" / "exportd.rules.yaml"
HEAD = ("alert", "severity", "when", "what happened", "what to do")


def rules() -> list[dict[str, Any]]:
    """Every rule, in the order of the file."""
    groups = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def rows() -> Iterator[Sequence[str]]:
    """One row for each rule."""
    for rule in rules():
        when = f"`{rule['expr']}`" + (f" for {rule['for']}" if "for" in rule else "")
        said = rule["annotations"]
        yield f"`{rule['alert']}`", rule["labels"]["severity"], when, said["summary"], said["action"]
