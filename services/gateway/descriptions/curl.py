"""A line for the shell that shows an operation."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ADDRESS = "http://127.0.0.1:8080"


def line_of(verb: str, path: str, parameters: Iterable[Mapping[str, Any]], body: Mapping[str, Any] | None) -> str:
    """Return a call by curl with the examples of the parameters and of the body."""
    for each in parameters:
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(each["example"]))
    return " ".join(["curl", *_verb(verb, has_body=body is not None), *_body(body), shlex.quote(f"{ADDRESS}{path}")])


def _verb(verb: str, *, has_body: bool) -> Iterator[str]:
    if verb == "head":
        yield "--head"
    elif verb != ("post" if has_body else "get"):
        yield f"-X {verb.upper()}"


def _body(body: Mapping[str, Any] | None) -> Iterator[str]:
    if body is not None:
        kind, content = next(iter(body["content"].items()))
        yield f"-H {shlex.quote(f'Content-Type: {kind}')} -d {shlex.quote(json.dumps(_example(content)))}"


def _example(content: Mapping[str, Any]) -> Any:
    examples = content.get("examples", {"": {"value": content.get("example", {})}})
    return next(iter(examples.values()))["value"]
