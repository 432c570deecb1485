"""How table and attachments become files. This is fixed when the export is created and never depends on the data."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.contract.errors import Violation
from services.contract.formats import Compression, Format, LongText, Packaging
from services.contract.spec import TableOptions

MAX_PASSWORD_BYTES = 99
"""Limit in bytes of UTF-8. With longer passwords 7-Zip reports a wrong password."""

TEXT_FORMATS = (Format.CSV, Format.JSON, Format.JSONL)
"""Formats that can be compressed with gzip. The others are compressed internally."""


def password_violations(password: str) -> Iterator[Violation]:
    """Yield a violation if the password is too long. It never repeats the password."""
    if (size := len(password.encode())) > MAX_PASSWORD_BYTES:
        reason = "7-Zip cannot open a file with a longer one"
        yield Violation("password", f"must be at most {MAX_PASSWORD_BYTES} bytes of UTF-8, not {size}: {reason}")


@dataclass(frozen=True, slots=True)
class PackagingChoice:
    """What the caller wants in the file: the `table`, `attachments`, and a `password` (empty: not encrypted)."""

    requested: Packaging
    table: TableOptions
    attachments: bool
    password: str = field(default="", repr=False)

    @property
    def packaging(self) -> Packaging:
        """The packaging with AUTO resolved: ZIP if a bare table is not enough, otherwise AUTO: the bare table."""
        more_than_a_table = self.password or self.attachments or self._bundles_long_text
        return Packaging.ZIP if self.requested is Packaging.AUTO and more_than_a_table else self.requested

    def violations(self) -> Iterator[Violation]:
        """Yield options that contradict each other, and a password that is too long. The password is never repeated."""
        yield from password_violations(self.password)
        yield from self._separate_violations()
        if self.table.compression is Compression.GZIP:
            yield from self._gzip_violations()

    @property
    def _bundles_long_text(self) -> bool:
        return self.table.format is Format.XLSX and self.table.xlsx.long_text is LongText.BUNDLE

    def _separate_violations(self) -> Iterator[Violation]:
        if self.requested is Packaging.SEPARATE and self.password:
            yield Violation(
                "packaging", "SEPARATE keeps the table outside the ZIP, where no password encrypts it: use AUTO or ZIP"
            )
        if self.requested is Packaging.SEPARATE and self._bundles_long_text:
            yield Violation(
                "packaging", "SEPARATE keeps the table outside the ZIP, and long_text BUNDLE needs a ZIP: use AUTO"
            )

    def _gzip_violations(self) -> Iterator[Violation]:
        if self.table.format not in TEXT_FORMATS:
            names = ", ".join(f.value for f in TEXT_FORMATS)
            yield Violation("compression", f"GZIP is for {names}; {self.table.format.value} is already compressed")
        elif self.packaging is Packaging.ZIP:
            yield Violation("compression", "GZIP is for files outside a ZIP, and this one is a ZIP; leave it out")
