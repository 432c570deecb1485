"""Downloads a file to a path, a directory or stdout."""

import hashlib
import sys
from contextlib import aclosing
from pathlib import Path

from exportd_client import DownloadDamaged, Export, File, Source
from exportd_client.aio.behind import Behind
from exportd_client.cli.display import Display
from exportd_client.cli.session import Session
from exportd_client.cli.values import STDOUT, attachments_path
from exportd_client.partial_file import safe_name


async def fetch_both(
    session: Session, export: Export, path: str, view: Display, *, force: bool, direct: bool
) -> tuple[File, dict[str, str]]:
    """Download the file of an export and, beside it, a separate file of attachments. Return the file and the paths.

    direct: take the bytes from the object store if possible. Raises FileExistsError if a file exists and `force` is
    False.
    """
    file, arrived = await fetch(session, export, path, view, force=force, direct=direct)
    where = {"path": arrived}
    if export.HasField("attachments_file"):
        attachments = export.attachments_file
        if path == STDOUT:
            words = ("download", attachments.id, "-o", safe_name(attachments))
            session.output.note(f"the attachments are a separate file; download them with: {session.command(*words)}")
        else:
            beside = attachments_path(path)
            _, where["attachmentsPath"] = await fetch(session, attachments, beside, view, force=force, direct=direct)
    return file, where


async def fetch(
    session: Session, source: Source, path: str, view: Display, *, force: bool, direct: bool
) -> tuple[File, str]:
    """Download a file to `path`; "-" is stdout.

    Return the verified file and its path. Raises the errors of `fetch_both`.
    """
    view.next_download()
    if path == STDOUT:
        return await _to_stdout(session, source, view), STDOUT
    _tell_ways_on(session, source, path, force=force, direct=direct)
    download = await session.client.download(source, path, overwrite=force, direct=direct, progress=view.downloading)
    session.ways_on = ()
    if direct and download.resumed_at + download.direct_bytes < download.file.size_bytes:
        session.output.note("note: the object store was not reached, or signs no URLs; the service sent the file")
    _note_other_ending(session, download.file, download.path)
    return download.file, str(download.path)


async def _to_stdout(session: Session, source: Source, view: Display) -> File:
    file = await session.client.file_of(source)
    digest, done = hashlib.sha256(), 0
    async with aclosing(session.client.stream(file)) as pieces, Behind(digest.update) as behind:
        async for data in pieces:
            await behind.take(data)
            sys.stdout.buffer.write(data)
            done += len(data)
            view.downloading(done, file.size_bytes)
    sys.stdout.buffer.flush()
    if digest.hexdigest() != file.sha256:
        raise DownloadDamaged("the data written to stdout is damaged: its sha256 differs; discard it")
    return file


def _tell_ways_on(session: Session, source: Source, path: str, *, force: bool, direct: bool) -> None:
    id_ = source if isinstance(source, str) else source.id
    words = ["download", id_, "-o", path, *(["--force"] if force else []), *(["--direct"] if direct else [])]
    session.export_id = source.export_id if isinstance(source, File) else id_
    session.ways_on = (f"the received part is kept; resume with: {session.command(*words)}",)


def _note_other_ending(session: Session, file: File, path: Path) -> None:
    if file.extension and not path.name.lower().endswith(f".{file.extension}"):
        session.output.note(f"note: {path.name} holds a {file.extension} file")
