"""The pages that people read: their blocks of code and their links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.parent.name != "adr" or path.name == "README.md"
)
"""All but the decisions, which say what was and not what is."""

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `language` is the word behind the fence."""

    page: str
    language: str
    text: str


def text_of(page: str) -> str:
    """A page by its path below the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, *languages: str) -> list[Block]:
    """In their order; of these languages, or all."""
    every = [Block(page, word.strip(), text) for word, text in _FENCE.findall(text_of(page))]
    return [block for block in every if not languages or block.language in languages]


def commands(page: str) -> list[str]:
    """Lines of the blocks of shell, without comments and empty ones."""
    lines = (line.strip() for block in blocks(page, "sh") for line in block.text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def links(page: str) -> list[str]:
    """Targets of the links and pictures of a page, those in code left out."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text_of(page)))
    return _LINK.findall(prose)


def anchors(page: str) -> set[str]:
    """What links may name behind a #: the headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", text_of(page)), re.MULTILINE)
    return {_slug(heading) for heading in headings}


def table_codes(page: str) -> Iterator[str]:
    """What stands alone in code marks at the beginning of rows of tables."""
    yield from re.findall(r"^\| `([A-Z_]+)` \|", text_of(page), re.MULTILINE)


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.strip().replace(" ", "-")
