"""Downloading a file to a path, a directory or stdout."""

import hashlib
import sys
from contextlib import aclosing
from pathlib import Path

from exportd_client import DownloadDamaged, File, Source
from exportd_client.cli.display import Display
from exportd_client.cli.session import Session
from exportd_client.cli.values import STDOUT


async def fetch(session: Session, source: Source, path: str, shown: Display) -> tuple[File, str]:
    """The file and the path at which it is now, verified; the path "-" is stdout."""
    if path == STDOUT:
        return await _to_stdout(session, source, shown), STDOUT
    _tell_how_to_go_on(session, source, path)
    download = await session.client.download(source, path, progress=shown.downloading)
    _note_other_ending(session, download.file, download.path)
    return download.file, str(download.path)


async def _to_stdout(session: Session, source: Source, shown: Display) -> File:
    file = await session.client.file_of(source)
    digest, done = hashlib.sha256(), 0
    async with aclosing(session.client.stream(file)) as pieces:
        async for data in pieces:
            sys.stdout.buffer.write(data)
            digest.update(data)
            done += len(data)
            shown.downloading(done, file.size_bytes)
    sys.stdout.buffer.flush()
    if digest.hexdigest() != file.sha256:
        raise DownloadDamaged("what was written to stdout is damaged: its sha256 is another one; drop it")
    return file


def _tell_how_to_go_on(session: Session, source: Source, path: str) -> None:
    id_ = source if isinstance(source, str) else source.id
    words = ["download", id_, "-o", path] + (["--file"] if isinstance(source, File) else [])
    session.export_id = "" if isinstance(source, File) else id_
    session.how_to_go_on = f"what has arrived is kept; go on with: {session.command(*words)}"


def _note_other_ending(session: Session, file: File, path: Path) -> None:
    if file.extension and path.suffix.lower() != f".{file.extension}":
        session.output.note(f"note: {path.name} holds a {file.extension} file")
