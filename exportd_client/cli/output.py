"""Where things are printed: results on stdout, all else on stderr; as text or as JSON."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exportd_client import ExportdError
from exportd_client.cli.as_json import plain
from exportd_client.cli.words import Fact, error_lines, printable


class Output:
    """Prints as one `exportctl` command was told to. JSON is that of exportd_client.cli.as_json."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._results = sys.stdout

    def results_to_stderr(self) -> None:
        """From now on: stdout carries the bytes of a file."""
        self._results = sys.stderr

    def result(self, message: Message, facts: Iterable[Fact], **extra: str) -> None:
        """One resource; `extra`, named as in JSON, is added to it."""
        if self.as_json:
            self._json(plain(message) | extra)
        else:
            self._facts([*facts, *((_spaced(name), text) for name, text in extra.items())])

    def facts(self, facts: Iterable[Fact]) -> None:
        """Text only."""
        if not self.as_json:
            self._facts(list(facts))

    def each(self, name: str, messages: Sequence[Message], facts: Iterable[Iterable[Fact]]) -> None:
        """Several resources, as a JSON object with the array `name`, or one block of text after the other."""
        if self.as_json:
            self._json({name: [plain(message) for message in messages]})
            return
        for index, block in enumerate(facts):
            if index:
                self._line("")
            self._facts(list(block))

    def table(
        self, name: str, messages: Sequence[Message], header: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> None:
        """Several resources, as a JSON object with the array `name`, a table, or, in a pipe, lines with tabs."""
        if self.as_json:
            self._json({name: [plain(message) for message in messages]})
        elif is_terminal(self._results):
            _draw(header, rows)
        else:
            for row in (header, *rows):
                self._line("\t".join(printable(cell) for cell in row))

    def note(self, text: str) -> None:
        """A remark for people."""
        if not self.as_json:
            print(printable(text), file=sys.stderr, flush=True)

    def error(self, error: ExportdError, ways_out: Sequence[str]) -> None:
        """A failed call, and what to do about it."""
        if self.as_json:
            _json_error(error.code, error.reason, error.message, _violations(error), error.metadata)
            return
        for line in (*error_lines(error), *ways_out):
            self.note(line)

    def fault(self, code: str, message: str, metadata: Mapping[str, str] | None = None) -> None:
        """Something else that ended the command."""
        if self.as_json:
            _json_error(code, "", message, [], metadata or {})
        else:
            self.note(message)

    def _json(self, value: Any) -> None:
        self._line(json.dumps(value, ensure_ascii=False))

    def _facts(self, facts: Sequence[Fact]) -> None:
        width = max(len(name) for name, _ in facts)
        for name, text in facts:
            self._line(f"{name:<{width}}  {printable(text)}")

    def _line(self, line: str) -> None:
        print(line, file=self._results, flush=True)


def is_terminal(stream: TextIO) -> bool:
    """True when `stream` understands control characters."""
    return stream.isatty() and not Console(file=stream).is_dumb_terminal


def _spaced(name: str) -> str:
    """Of "attachmentsPath", "attachments path"."""
    return re.sub("[A-Z]", lambda letter: f" {letter[0].lower()}", name)


def _draw(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*header, box=None)
    for row in rows:
        # A Text is no markup, whatever brackets are in it.
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)


def _violations(error: ExportdError) -> list[dict[str, str]]:
    return [{"field": one.field, "description": one.description} for one in error.violations]


def _json_error(code: str, reason: str, message: str, violations: list[Any], metadata: Mapping[str, str]) -> None:
    document = {
        "code": code,
        "reason": reason,
        "message": message,
        "violations": violations,
        "metadata": dict(metadata),
    }
    print(json.dumps(document, ensure_ascii=False), file=sys.stderr, flush=True)
