"""Events of exports in the format of Syntage: what a change of an export is called back with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.export import Export, StoredFile
from services.api.domain.states import State
from services.dialects.syntage import (
    ENDED,
    EXPORT_CREATED,
    EXPORT_UPDATED,
    FILE_CREATED,
    SyntageExport,
    SyntageFile,
    changed_status,
    export_document,
    export_path,
    file_document,
    file_path,
    time_text,
)

EVENTS_COUNTED = 4
"""How many notifications an export with events counts as: it is created, it runs, it has a file, it has ended."""

MAX_EVENTS_OF_CHANGE = 4
"""Numbers for the events of one change. A completion has the most: two files, and the export itself."""


@dataclass(frozen=True, slots=True)
class ExportEvent:
    """An event about `resource`. `number` orders the events of an export."""

    type: str
    number: int
    source: str
    resource: str
    object: dict[str, Any]
    changes: dict[str, Any]
    created_at: str

    def notice(self, delivery_id: str) -> dict[str, Any]:
        """Return the body. Its id is a UUID with the digits of the delivery's id, the same in every attempt."""
        return {
            "id": str(UUID(delivery_id.rpartition("_")[2])),
            "type": self.type,
            "source": self.source,
            "resource": self.resource,
            "data": {"object": self.object, "changes": self.changes},
            "createdAt": self.created_at,
        }


def has_events(export: Export) -> bool:
    """Whether each change of this export is called back, instead of only its end."""
    return bool(export.callback_url) and export.options.callback_format is CallbackFormat.SYNTAGE


def events_of(export: Export, before: State | None) -> Iterator[ExportEvent]:
    """Yield the events of the change that led to this version, in their order. Without `before` it was created."""
    number = export.version * MAX_EVENTS_OF_CHANGE
    if before is None:
        yield _about_export(EXPORT_CREATED, number, export, {})
    elif changes := changed_status(before.value, export.state.value):
        new_files = [file for file in (export.file, export.attachments_file) if file]
        for place, file in enumerate(new_files):
            yield _about_file(number + place, export, file)
        yield _about_export(EXPORT_UPDATED, number + len(new_files), export, changes)


def tells_end(event: str, notice: Mapping[str, Any]) -> bool:
    """Whether a notification says that a run has ended: the callback at the end, or the event with a final status."""
    return not event or (event == EXPORT_UPDATED and notice["data"]["object"]["status"] in ENDED)


def _about_export(type_: str, number: int, export: Export, changes: dict[str, Any]) -> ExportEvent:
    path, document = export_path(export.id), export_document(_syntage_export(export))
    return ExportEvent(type_, number, path, path, document, changes, time_text(export.update_time))


def _about_file(number: int, export: Export, file: StoredFile) -> ExportEvent:
    document = file_document(_syntage_file(export, file))
    source, resource = export_path(export.id), file_path(file.id)
    return ExportEvent(FILE_CREATED, number, source, resource, document, {}, time_text(export.update_time))


def _syntage_export(export: Export) -> SyntageExport:
    return SyntageExport(
        id=export.id,
        format=export.format.name.lower(),
        file_types=export.file_types,
        state=export.state.value,
        uri=export.uri,
        create_time=export.create_time,
        update_time=export.update_time,
        file=_syntage_file(export, export.file) if export.file else None,
        attachments_file=_syntage_file(export, export.attachments_file) if export.attachments_file else None,
    )


def _syntage_file(export: Export, file: StoredFile) -> SyntageFile:
    return SyntageFile(
        id=file.id,
        export_id=export.id,
        type="Export",
        media_type=file.artifact.media_type,
        extension=file.artifact.extension,
        size_bytes=file.artifact.size_bytes,
        filename=file.filename,
    )
