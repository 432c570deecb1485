"""Conversion of the sources of rows and attachments."""

from exportd.queue.v1 import job_spec_pb2 as spec_pb2
from services.contract import spec
from services.contract.codec.enums import enum_from_pb, enum_to_pb, name_from_pb, name_to_pb


def source_to_pb(source: spec.SourceRef) -> spec_pb2.Source:
    return spec_pb2.Source(id=source.id, kind=name_to_pb(spec_pb2.Source.Kind, source.kind.upper()))


def source_from_pb(message: spec_pb2.Source) -> spec.SourceRef:
    return spec.SourceRef(message.id, name_from_pb(spec_pb2.Source.Kind, message.kind).lower())


def relation_to_pb(relation: spec.Relation) -> spec_pb2.Relation:
    if relation.table:
        return spec_pb2.Relation(table=relation.table)
    if relation.query:
        return spec_pb2.Relation(query=relation.query)
    if relation.http:
        return spec_pb2.Relation(http=_pages_to_pb(relation.http))
    return spec_pb2.Relation(path=relation.path)


def relation_from_pb(message: spec_pb2.Relation) -> spec.Relation:
    http = _pages_from_pb(message.http) if message.HasField("http") else None
    return spec.Relation(message.table, message.query, message.path, http)


def _pages_to_pb(pages: spec.HttpPages) -> spec_pb2.HttpPages:
    return spec_pb2.HttpPages(
        path=pages.path,
        items=pages.items,
        paging=enum_to_pb(spec_pb2.HttpPages.Paging, pages.paging),
        next=pages.next,
        parameter=pages.parameter,
        first_page=pages.first_page,
        size_parameter=pages.size_parameter,
        page_size=pages.page_size,
        total=pages.total,
        filters=[
            spec_pb2.HttpFilter(
                column=f.column,
                operator=enum_to_pb(spec_pb2.Term.Operator, f.operator),
                parameter=f.parameter,
                ignore_case=f.ignore_case,
            )
            for f in pages.filters
        ],
        order=[spec_pb2.HttpOrder(column=o.column, parameter=o.parameter) for o in pages.order],
    )


def _pages_from_pb(message: spec_pb2.HttpPages) -> spec.HttpPages:
    return spec.HttpPages(
        path=message.path,
        items=message.items,
        paging=enum_from_pb(spec.Paging, spec_pb2.HttpPages.Paging, message.paging),
        next=message.next,
        parameter=message.parameter,
        first_page=message.first_page,
        size_parameter=message.size_parameter,
        page_size=message.page_size,
        total=message.total,
        filters=tuple(
            spec.HttpFilter(
                f.column, enum_from_pb(spec.Operator, spec_pb2.Term.Operator, f.operator), f.parameter, f.ignore_case
            )
            for f in message.filters
        ),
        order=tuple(spec.HttpOrder(o.column, o.parameter) for o in message.order),
    )


def attachment_to_pb(attachment: spec.AttachmentSpec) -> spec_pb2.AttachmentSpec:
    return spec_pb2.AttachmentSpec(
        file_type=attachment.file_type,
        source=source_to_pb(attachment.source),
        path=attachment.path,
        blob=_blob_to_pb(attachment.blob) if attachment.blob else None,
    )


def attachment_from_pb(message: spec_pb2.AttachmentSpec) -> spec.AttachmentSpec:
    blob = _blob_from_pb(message.blob) if message.HasField("blob") else None
    return spec.AttachmentSpec(message.file_type, source_from_pb(message.source), message.path, blob)


def _blob_to_pb(blob: spec.Blob) -> spec_pb2.Blob:
    return spec_pb2.Blob(
        relation=relation_to_pb(blob.relation),
        column=blob.column,
        key=[spec_pb2.BlobKey(column=k.column, row_column=k.row_column) for k in blob.key],
    )


def _blob_from_pb(message: spec_pb2.Blob) -> spec.Blob:
    key = tuple(spec.BlobKey(k.column, k.row_column) for k in message.key)
    return spec.Blob(relation_from_pb(message.relation), message.column, key)
