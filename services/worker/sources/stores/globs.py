"""Patterns of paths, as pathlib has them, for places that are no file system."""

import re

_WILD = re.compile(r"[*?\[]")
_PIECE = re.compile(r"\*+|\[!?\]?[^\]]*\]|.", re.DOTALL)
_NOTHING = re.compile(r"(?!)")


def fixed(pattern: str) -> str:
    """The folders that every match is in; empty when there is none."""
    *folders, _ = _steps(pattern)
    wild = next((place for place, folder in enumerate(folders) if _WILD.search(folder)), len(folders))
    return "/".join(folders[:wild])


def compiled(pattern: str) -> re.Pattern[str]:
    """What the whole path of a file has to match; `**` is any number of folders, and never a file."""
    *folders, name = _steps(pattern)
    if name == "**":
        return _NOTHING
    parts = ["(?:[^/]+/)*" if folder == "**" else f"{_part(folder)}/" for folder in folders]
    try:
        return re.compile("".join(parts) + _part(name), re.DOTALL)
    except re.error:  # a range that goes backwards
        return _NOTHING


def _steps(pattern: str) -> list[str]:
    """Names and patterns of folders, and of the file; of no file, `**`."""
    return [step for step in pattern.split("/") if step not in ("", ".")] or ["**"]


def _part(pattern: str) -> str:
    return "".join(_of(piece) for piece in _PIECE.findall(pattern))


def _of(piece: str) -> str:
    if piece[0] == "*":
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if len(piece) == 1:
        return re.escape(piece)
    negated = piece[1] == "!"
    characters = re.sub(r"([\\\[\]^&~|])", r"\\\1", piece[2 if negated else 1 : -1])
    return f"(?!/)[{'^' if negated else ''}{characters}]"
