"""The OpenAPI documents, which are written by hand beside the code of their doors."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

DOORS = ("native", "syntage", "xdent")
"""Packages of `services.gateway` with an `openapi.json`."""


def text(door: str) -> bytes:
    """Return the document of a door as JSON in UTF-8."""
    return files("services.gateway").joinpath(door, "openapi.json").read_bytes()


@cache
def document(door: str) -> Mapping[str, Any]:
    """Return the document of a door. It must not be changed."""
    parsed: Mapping[str, Any] = json.loads(text(door))
    return parsed
