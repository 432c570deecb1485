"""Attachments of a whole batch over HTTP: many at once, in order, and those that are missing in a list."""

import io
import threading
import zipfile
from pathlib import Path

from services.contract.spec import AttachmentSpec
from services.worker.bundle.archive import Archive
from services.worker.bundle.attachments import Attachments
from tests.integration.sources.shelves import urls
from tests.patience import PATIENCE_S
from tests.unit.bundle.bundles import MOMENT, batch_of, lines, row, spec_of

COUNT = 64
TOGETHER = 8
MOST = 16


class Crossing:
    """Lets the first requests through when `TOGETHER` of them wait, and counts how many are there at most.

    Not all in turn: a request that is sent again would be one too many for the last turn.
    """

    def __init__(self) -> None:
        self._gate = threading.Barrier(TOGETHER)
        self._lock = threading.Lock()
        self._inside = 0
        self._turn = iter(range(TOGETHER))
        self.most = 0

    def _first(self) -> bool:
        with self._lock:
            return next(self._turn, None) is not None

    def pass_through(self, _: int) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        if self._first():
            self._gate.wait(timeout=PATIENCE_S)
        with self._lock:
            self._inside -= 1


def test_attachments_are_asked_for_together_and_packed_in_order(tmp_path: Path) -> None:
    contents: dict[str, bytes | None] = {f"u{n}.xml": f"<{n}/>".encode() for n in range(COUNT) if n % 7}
    crossing, file, missing = Crossing(), io.BytesIO(), io.BytesIO()
    with urls(contents, before=crossing.pass_through) as shelf:
        spec = spec_of(attachments=(AttachmentSpec("cfdi.xml", shelf.attachment.source, "files/below/{uuid}.xml"),))
        archive = Archive(file, MOMENT, tmp_path)
        attachments = Attachments(spec, archive, shelf.files, missing)
        names = attachments.add(batch_of(spec, [row(n) for n in range(COUNT)]))
        attachments.close()
    archive.finish({})
    there = [n for n in range(COUNT) if n % 7]
    assert names == [[f"files/cfdi.xml/{n}_u{n}.xml"] if n % 7 else [] for n in range(COUNT)]
    with zipfile.ZipFile(file) as packed:
        assert packed.namelist() == [*(f"files/cfdi.xml/{n}_u{n}.xml" for n in there), "manifest.json"]
        assert packed.read("files/cfdi.xml/8_u8.xml") == b"<8/>"
    assert [line[1] for line in lines(missing.getvalue())[1:]] == [
        f"files/below/u{n}.xml" for n in range(COUNT) if not n % 7
    ]
    assert attachments.missing_count == COUNT - len(there)
    assert TOGETHER <= crossing.most <= MOST
