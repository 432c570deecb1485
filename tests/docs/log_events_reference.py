"""docs/reference/log-events.md: what the services log, with levels and fields from the code."""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import services

HEAD = ("event", "level", "services", "fields", "what it means, and what to do")

MEANINGS: dict[str, str] = tomllib.loads(Path(__file__).with_name("log_events.toml").read_text(encoding="utf-8"))

_LEVELS = frozenset({"debug", "info", "warning", "error", "exception"})
_SERVICES = ("api", "gateway", "worker")
_NOT_SHOWN = frozenset({"exc_info"})


@dataclass(frozen=True, slots=True)
class Event:
    """An event where it is logged. `service` is empty in a room that all services use."""

    name: str
    level: str
    service: str
    fields: tuple[str, ...]


def rows() -> list[tuple[str, ...]]:
    """One for each event, in the order of their names."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events():
        found[event.name].append(event)
    return [_row(name, places) for name, places in sorted(found.items())]


def events() -> Iterator[Event]:
    """What the code of the services logs."""
    root = Path(services.__path__[0])
    for path in sorted(root.rglob("*.py")):
        room = path.relative_to(root).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (event := _event(node, room if room in _SERVICES else "")):
                yield event


def _event(call: ast.Call, service: str) -> Event | None:
    match call:
        case ast.Call(ast.Attribute(attr=level), [ast.Constant(str(name)), *_]) if level in _LEVELS and _is_log(call):
            fields = tuple(each.arg for each in call.keywords if each.arg and each.arg not in _NOT_SHOWN)
            return Event(name, "error" if level == "exception" else level, service, fields)
    return None


def _is_log(call: ast.Call) -> bool:
    return ast.unparse(call.func).startswith(("logs.get().", "logs."))


def _row(name: str, places: list[Event]) -> tuple[str, ...]:
    levels = ", ".join(sorted({place.level for place in places}))
    where = ", ".join(sorted({place.service for place in places if place.service})) or ", ".join(_SERVICES)
    fields = ", ".join(f"`{field}`" for field in dict.fromkeys(field for place in places for field in place.fields))
    return f"`{name}`", levels, where, fields, MEANINGS.get(name, "")
