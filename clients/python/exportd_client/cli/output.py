"""Prints results to stdout and everything else to stderr, as text or as JSON."""

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from google.protobuf.message import Message

from exportd_client import ExportdError
from exportd_client.cli import streams, tables
from exportd_client.cli.as_json import plain
from exportd_client.cli.streams import is_terminal, printable
from exportd_client.cli.tables import Column
from exportd_client.cli.words import Fact, error_lines


class Output:
    """The output of one command. Its JSON is that of exportd_client.cli.as_json."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._results = sys.stdout

    def results_to_stderr(self) -> None:
        """Print results to stderr from now on, because stdout carries the bytes of a file."""
        self._results = sys.stderr

    def result(self, message: Message, facts: Iterable[Fact], **extra: str) -> None:
        """Print one resource. `extra`, with names as in JSON, is added to it."""
        if self.as_json:
            streams.write_json(plain(message) | extra, self._results)
        else:
            self._facts([*facts, *((_spaced(name), text) for name, text in extra.items())])

    def facts(self, facts: Iterable[Fact]) -> None:
        """Print facts in text mode; print nothing in JSON mode."""
        if not self.as_json:
            self._facts(list(facts))

    def table(
        self,
        name: str,
        messages: Sequence[Message],
        columns: Sequence[Column],
        rows: Iterable[Sequence[str]],
        remarks: Sequence[str] | None = None,
    ) -> None:
        """Print several resources: as a JSON object with the array `name`, as a table, or in a pipe as lines with tabs.

        `remarks` has one text for each row. On a terminal each is a line below its row, in a pipe a last column NOTES.
        """
        if self.as_json:
            streams.write_json({name: [plain(message) for message in messages]}, self._results)
        elif is_terminal(self._results):
            self._draw(columns, [*rows], remarks or ())
        else:
            for row in _with_remarks(columns, rows, remarks):
                self._line("\t".join(printable(cell, self._results) for cell in row))

    def records(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Print a table as text, or one block for each row if the terminal is too narrow for a table."""
        if not is_terminal(self._results) or tables.fits(columns, self._shown(rows), self._width):
            self.table("", (), columns, rows)
            return
        for number, row in enumerate(rows, 1):
            self._line(f"-[ row {number} ]-")
            self._facts([(column.name, cell) for column, cell in zip(columns, row, strict=True)])

    def text(self, text: str) -> None:
        """A line, as it is."""
        self._line(text)

    def note(self, text: str) -> None:
        """Print a remark for people to stderr."""
        if not self.as_json:
            streams.note(text)

    def error(self, error: ExportdError, ways_out: Sequence[str]) -> None:
        """Print a failed call, and what to do about it."""
        if self.as_json:
            violations = [{"field": one.field, "description": one.description} for one in error.violations]
            streams.write_error(
                error.code,
                error.message,
                reason=error.reason,
                violations=violations,
                metadata=error.metadata,
                request_id=error.request_id,
            )
            return
        for line in (*error_lines(error), *ways_out):
            self.note(line)

    def fault(self, code: str, message: Sequence[str], metadata: Mapping[str, str] | None = None) -> None:
        """Print another error that ended the command, in several lines."""
        if self.as_json:
            streams.write_error(code, "\n".join(message), metadata=dict(metadata or {}))
        else:
            for line in message:
                self.note(line)

    @property
    def _width(self) -> int:
        return shutil.get_terminal_size().columns

    def _shown(self, rows: Iterable[Sequence[str]]) -> list[list[str]]:
        return [[printable(cell, self._results) for cell in row] for row in rows]

    def _draw(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], remarks: Sequence[str]) -> None:
        end = streams.ellipsis(self._results)
        named = [replace(column, name=printable(column.name, self._results)) for column in columns]
        header, *drawn = tables.lines(named, self._shown(rows), self._width, end)
        self._line(header)
        for place, line in enumerate(drawn):
            self._line(line)
            if remarks and remarks[place]:
                self._line(tables.cut(f"    {printable(remarks[place], self._results)}", self._width, end))

    def _facts(self, facts: Sequence[Fact]) -> None:
        shown = [[printable(text, self._results) for text in fact] for fact in facts]
        width = max((tables.cells(name) for name, _ in shown), default=0)
        for name, text in shown:
            self._line(f"{name}{' ' * (width - tables.cells(name))}  {text}")

    def _line(self, line: str) -> None:
        print(line, file=self._results, flush=True)


def _with_remarks(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], remarks: Sequence[str] | None
) -> Iterator[Sequence[str]]:
    header = [column.name for column in columns]
    if remarks is None:
        yield from (header, *rows)
        return
    yield [*header, "NOTES"]
    for row, remark in zip(rows, remarks, strict=True):
        yield [*row, remark or "-"]


def _spaced(name: str) -> str:
    """Return a JSON name as words: "attachmentsPath" becomes "attachments path"."""
    return re.sub("[A-Z]", lambda letter: f" {letter[0].lower()}", name)
