"""Patterns of paths with the syntax of pathlib, for places that are not a file system.

Matching a name of n characters takes at most n steps for each character of the pattern. The part between two stars is
searched once, from the left, and then kept where it was found (an atomic group). The earliest place leaves the most
characters for the rest, so this misses no match.
"""

import re
from collections.abc import Callable, Iterator, Sequence

_WILD = re.compile(r"[*?\[]")
_NOTHING = re.compile(r"(?!)")
FOLDERS = "**"
"""A step of a pattern: any number of folders."""


def fixed(pattern: str) -> str:
    """Return the folders at the start of a pattern without wildcards, which every match is in.

    Empty when there are none.
    """
    *folders, _ = steps(pattern)
    wild = next((place for place, folder in enumerate(folders) if _WILD.search(folder)), len(folders))
    return "/".join(folders[:wild])


def compiled(pattern: str) -> re.Pattern[str]:
    """Return the expression that the whole path of a file must match.

    `**` matches any number of folders, never a file.
    """
    *folders, name = steps(pattern)
    if name == FOLDERS:
        return _NOTHING
    start = _in_order(_split(folders, FOLDERS), _folder, "(?:[^/]+/)")
    try:
        return re.compile(start + _part(name), re.DOTALL)
    except re.error:  # a range such as z-a
        return _NOTHING


def step(pattern: str) -> re.Pattern[str]:
    """Return the expression that a single name must match."""
    try:
        return re.compile(_part(pattern), re.DOTALL)
    except re.error:  # a range such as z-a
        return _NOTHING


def steps(pattern: str) -> list[str]:
    """Split a pattern into the steps of its folders and its file.

    The last step is `**` when the pattern names no file.
    """
    return [step for step in pattern.split("/") if step not in ("", ".")] or [FOLDERS]


def _folder(pattern: str) -> str:
    return f"{_part(pattern)}/"


def _part(pattern: str) -> str:
    return _in_order(_split([*pieces(pattern)], "*"), _of, "[^/]")


def _in_order(runs: Sequence[Sequence[str]], one: Callable[[str], str], between: str) -> str:
    """Join runs with any number of `between` before each run except the first. Nothing may follow the last run."""
    first, *others = ("".join(map(one, run)) for run in runs)
    middle = (f"(?>{between}*?{run})" for run in others[:-1])
    last = (f"{between}*{run}" for run in others[-1:])
    return "".join([first, *middle, *last])


def _split(pieces: Sequence[str], at: str) -> list[list[str]]:
    """Split pieces at each `at`. Runs may be empty; without `at` there is one run."""
    runs: list[list[str]] = [[]]
    for piece in pieces:
        if piece == at:
            runs.append([])
        else:
            runs[-1].append(piece)
    return runs


def pieces(pattern: str) -> Iterator[str]:
    """Yield the pieces of a pattern: single characters, `*`, and sets in brackets.

    An unclosed bracket is a character.
    """
    place, last = 0, pattern.rfind("]")
    while place < len(pattern):
        end = place + 1
        if pattern[place] == "[":
            # a `]` at the start of a set does not close it
            inside = place + (2 if pattern[end : end + 1] == "!" else 1) + 1
            end = pattern.index("]", inside) + 1 if inside <= last else end
        yield pattern[place:end]
        place = end


def _of(piece: str) -> str:
    if piece == "?":
        return "[^/]"
    if len(piece) == 1:
        return re.escape(piece)
    negated = piece[1] == "!"
    characters = re.sub(r"([\\\[\]^&~|])", r"\\\1", piece[2 if negated else 1 : -1])
    return f"(?!/)[{'^' if negated else ''}{characters}]"
