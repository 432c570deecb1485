"""Messages of the queue <-> the language. Each pair stands together; anything unknown raises ValueError."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.queue.v1 import job_spec_pb2 as spec_pb2
from exportd.v1 import export_pb2
from services.contract import job, outcome, preview, spec
from services.contract.formats import Compression, CsvDialect, Format, LongText, Packaging, XlsxLayout

E = TypeVar("E", bound=Enum)


# ---- scalars


def timestamp_to_pb(moment: datetime | None) -> Timestamp | None:
    """None stays None: an absent field."""
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def timestamp_from_pb(message: Timestamp) -> datetime:
    """To the microsecond, in UTC."""
    return message.ToDatetime(tzinfo=UTC)


def duration_to_pb(length: timedelta | None) -> Duration | None:
    """None stays None: an absent field."""
    if length is None:
        return None
    message = Duration()
    message.FromTimedelta(length)
    return message


def duration_from_pb(message: Duration) -> timedelta:
    """To the microsecond."""
    return message.ToTimedelta()


def _named(kind: type[E], pb_enum: object, number: int) -> E:
    """The member of `kind` that bears the name of `number`; ValueError for an unspecified or unknown one."""
    name = pb_enum.Name(number)  # type: ignore[attr-defined]
    if name not in kind.__members__:
        raise ValueError(f"{name} is not a {kind.__name__}")
    return kind[name]


def format_to_pb(format_: Format) -> export_pb2.Format.ValueType:
    """As FORMAT_*."""
    return export_pb2.Format.Value(f"FORMAT_{format_.value}")


def format_from_pb(number: int) -> Format:
    """ValueError for FORMAT_UNSPECIFIED and numbers that this version does not know."""
    return Format(export_pb2.Format.Name(number).removeprefix("FORMAT_"))  # type: ignore[arg-type]


# ---- the specification of a job


def spec_to_bytes(frozen: spec.JobSpec) -> bytes:
    """The form in which a spec is stored."""
    return spec_to_pb(frozen).SerializeToString(deterministic=True)


def spec_from_bytes(stored: bytes) -> spec.JobSpec:
    """The other way round."""
    return spec_from_pb(spec_pb2.JobSpec.FromString(stored))


def spec_to_pb(frozen: spec.JobSpec) -> spec_pb2.JobSpec:
    return spec_pb2.JobSpec(
        collection=frozen.collection,
        source=_source_to_pb(frozen.source),
        relation=_relation_to_pb(frozen.relation),
        key=frozen.key,
        columns=[_column_to_pb(c) for c in frozen.columns],
        filter=_filter_to_pb(frozen.filter),
        order=[_order_to_pb(t) for t in frozen.order],
        attachments=[_attachment_to_pb(a) for a in frozen.attachments],
        table=_table_to_pb(frozen.table),
        packaging=export_pb2.Packaging.Value(frozen.packaging.value),
        table_name=frozen.table_name,
        query=frozen.query,
        reading=spec_pb2.JobSpec.ReadingMode.Value(frozen.reading.name),
        limits=spec_pb2.Limits(max_rows=frozen.limits.max_rows, max_snapshot_s=frozen.limits.max_snapshot_s),
        page=spec_pb2.Page(offset=frozen.page.offset, limit=frozen.page.limit) if frozen.page else None,
    )


def spec_from_pb(message: spec_pb2.JobSpec) -> spec.JobSpec:
    """What a spec of an earlier version does not say has its default."""
    return spec.JobSpec(
        collection=message.collection,
        source=_source_from_pb(message.source),
        relation=_relation_from_pb(message.relation),
        key=tuple(message.key),
        columns=tuple(_column_from_pb(c) for c in message.columns),
        filter=_filter_from_pb(message.filter) if message.HasField("filter") else spec.All(),
        order=tuple(spec.OrderTerm(t.column, t.descending, t.nulls_first) for t in message.order),
        attachments=tuple(_attachment_from_pb(a) for a in message.attachments),
        table=_table_from_pb(message.table),
        packaging=_named(Packaging, export_pb2.Packaging, message.packaging),
        table_name=message.table_name,
        query=message.query,
        reading=_reading_from_pb(message.reading),
        limits=spec.Limits(message.limits.max_rows, message.limits.max_snapshot_s),
        page=spec.Page(message.page.offset, message.page.limit) if message.HasField("page") else None,
    )


def _reading_from_pb(number: int) -> spec.ReadingMode:
    return _named(spec.ReadingMode, spec_pb2.JobSpec.ReadingMode, number or spec_pb2.JobSpec.SNAPSHOT)


def _order_to_pb(term: spec.OrderTerm) -> spec_pb2.OrderTerm:
    return spec_pb2.OrderTerm(column=term.column, descending=term.descending, nulls_first=term.nulls_first)


def _table_to_pb(table: spec.TableOptions) -> spec_pb2.TableOptions:
    return spec_pb2.TableOptions(
        format=format_to_pb(table.format),
        time_zone=table.time_zone,
        csv=csv_to_pb(table.csv),
        xlsx=xlsx_to_pb(table.xlsx),
        compression=export_pb2.Compression.Value(table.compression.value),
    )


def _table_from_pb(message: spec_pb2.TableOptions) -> spec.TableOptions:
    """What a spec of an earlier version does not say has its default."""
    return spec.TableOptions(
        format=format_from_pb(message.format),
        time_zone=message.time_zone,
        csv=_csv_from_pb(message.csv) if message.HasField("csv") else CsvDialect(),
        xlsx=_xlsx_from_pb(message.xlsx) if message.HasField("xlsx") else XlsxLayout(),
        compression=_named(Compression, export_pb2.Compression, message.compression or export_pb2.NONE),
    )


def csv_to_pb(dialect: CsvDialect) -> export_pb2.CsvOptions:
    """Every option set, none by a preset."""
    return export_pb2.CsvOptions(
        delimiter=dialect.delimiter,
        bom=dialect.bom,
        line_terminator=dialect.line_terminator,
        decimal_comma=dialect.decimal_comma,
        null_text=dialect.null_text,
        escape_formulas=dialect.escape_formulas,
        header=dialect.header,
    )


def _csv_from_pb(message: export_pb2.CsvOptions) -> CsvDialect:
    return CsvDialect(
        delimiter=message.delimiter,
        bom=message.bom,
        line_terminator=message.line_terminator,
        decimal_comma=message.decimal_comma,
        null_text=message.null_text,
        escape_formulas=message.escape_formulas,
        header=message.header,
    )


def xlsx_to_pb(layout: XlsxLayout) -> export_pb2.XlsxOptions:
    """Every option set."""
    return export_pb2.XlsxOptions(
        freeze_header=layout.freeze_header,
        autofilter=layout.autofilter,
        compact=layout.compact,
        long_text=export_pb2.XlsxOptions.LongText.Value(layout.long_text.value),
    )


def _xlsx_from_pb(message: export_pb2.XlsxOptions) -> XlsxLayout:
    return XlsxLayout(
        freeze_header=message.freeze_header,
        autofilter=message.autofilter,
        compact=message.compact,
        long_text=_named(LongText, export_pb2.XlsxOptions.LongText, message.long_text),
    )


def _source_to_pb(source: spec.SourceRef) -> spec_pb2.Source:
    return spec_pb2.Source(id=source.id, kind=source.kind)


def _source_from_pb(message: spec_pb2.Source) -> spec.SourceRef:
    return spec.SourceRef(message.id, message.kind)


def _relation_to_pb(relation: spec.Relation) -> spec_pb2.Relation:
    if relation.table:
        return spec_pb2.Relation(table=relation.table)
    if relation.query:
        return spec_pb2.Relation(query=relation.query)
    if relation.http:
        return spec_pb2.Relation(http=_pages_to_pb(relation.http))
    return spec_pb2.Relation(path=relation.path)


def _relation_from_pb(message: spec_pb2.Relation) -> spec.Relation:
    http = _pages_from_pb(message.http) if message.HasField("http") else None
    return spec.Relation(message.table, message.query, message.path, http)


def _pages_to_pb(pages: spec.HttpPages) -> spec_pb2.HttpPages:
    return spec_pb2.HttpPages(
        path=pages.path,
        items=pages.items,
        paging=spec_pb2.HttpPages.Paging.Value(pages.paging.name),
        next=pages.next,
        parameter=pages.parameter,
        first_page=pages.first_page,
        size_parameter=pages.size_parameter,
        page_size=pages.page_size,
        total=pages.total,
        filters=[
            spec_pb2.HttpFilter(
                column=f.column,
                operator=spec_pb2.Term.Operator.Value(f.operator.name),
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
        paging=_named(spec.Paging, spec_pb2.HttpPages.Paging, message.paging),
        next=message.next,
        parameter=message.parameter,
        first_page=message.first_page,
        size_parameter=message.size_parameter,
        page_size=message.page_size,
        total=message.total,
        filters=tuple(
            spec.HttpFilter(
                f.column, _named(spec.Operator, spec_pb2.Term.Operator, f.operator), f.parameter, f.ignore_case
            )
            for f in message.filters
        ),
        order=tuple(spec.HttpOrder(o.column, o.parameter) for o in message.order),
    )


def _attachment_to_pb(attachment: spec.AttachmentSpec) -> spec_pb2.AttachmentSpec:
    return spec_pb2.AttachmentSpec(
        file_type=attachment.file_type,
        source=_source_to_pb(attachment.source),
        path=attachment.path,
        blob=_blob_to_pb(attachment.blob) if attachment.blob else None,
    )


def _attachment_from_pb(message: spec_pb2.AttachmentSpec) -> spec.AttachmentSpec:
    blob = _blob_from_pb(message.blob) if message.HasField("blob") else None
    return spec.AttachmentSpec(message.file_type, _source_from_pb(message.source), message.path, blob)


def _blob_to_pb(blob: spec.Blob) -> spec_pb2.Blob:
    return spec_pb2.Blob(
        relation=_relation_to_pb(blob.relation),
        column=blob.column,
        key=[spec_pb2.BlobKey(column=k.column, row_column=k.row_column) for k in blob.key],
    )


def _blob_from_pb(message: spec_pb2.Blob) -> spec.Blob:
    key = tuple(spec.BlobKey(k.column, k.row_column) for k in message.key)
    return spec.Blob(_relation_from_pb(message.relation), message.column, key)


def _type_to_pb(type_: spec.ColumnType) -> spec_pb2.ColumnType:
    return spec_pb2.ColumnType(kind=type_.kind.value, precision=type_.precision, scale=type_.scale)


def _type_from_pb(message: spec_pb2.ColumnType) -> spec.ColumnType:
    return spec.ColumnType(spec.Kind(message.kind), message.precision, message.scale)


def _column_to_pb(column: spec.ColumnSpec) -> spec_pb2.ColumnSpec:
    mask = spec_pb2.ColumnSpec.Mask.Value(column.mask.name) if column.mask else spec_pb2.ColumnSpec.MASK_UNSPECIFIED
    return spec_pb2.ColumnSpec(
        name=column.name, field=column.field, header=column.header, type=_type_to_pb(column.type), mask=mask
    )


def _column_from_pb(message: spec_pb2.ColumnSpec) -> spec.ColumnSpec:
    mask = _named(spec.Mask, spec_pb2.ColumnSpec.Mask, message.mask) if message.mask else None
    return spec.ColumnSpec(message.name, message.field, message.header, _type_from_pb(message.type), mask)


def _filter_to_pb(node: spec.Filter) -> spec_pb2.Filter:
    match node:
        case spec.All(filters):
            return spec_pb2.Filter(all=spec_pb2.Filters(filters=[_filter_to_pb(f) for f in filters]))
        case spec.AnyOf(filters):
            return spec_pb2.Filter(any=spec_pb2.Filters(filters=[_filter_to_pb(f) for f in filters]))
        case spec.Term():
            return spec_pb2.Filter(term=_term_to_pb(node))


def _filter_from_pb(message: spec_pb2.Filter) -> spec.Filter:
    match message.WhichOneof("node"):
        case "all":
            return spec.All(tuple(_filter_from_pb(f) for f in message.all.filters))
        case "any":
            return spec.AnyOf(tuple(_filter_from_pb(f) for f in message.any.filters))
        case "term":
            return _term_from_pb(message.term)
        case unknown:
            raise ValueError(f"a filter that this version does not know: {unknown}")


def _term_to_pb(term: spec.Term) -> spec_pb2.Term:
    return spec_pb2.Term(
        column=term.column,
        type=_type_to_pb(term.type),
        operator=spec_pb2.Term.Operator.Value(term.operator.name),
        values=[_value_to_pb(term.type.kind, v) for v in term.values],
        ignore_case=term.ignore_case,
        or_null=term.or_null,
    )


def _term_from_pb(message: spec_pb2.Term) -> spec.Term:
    return spec.Term(
        column=message.column,
        type=_type_from_pb(message.type),
        operator=_named(spec.Operator, spec_pb2.Term.Operator, message.operator),
        values=tuple(_value_from_pb(v) for v in message.values),
        ignore_case=message.ignore_case,
        or_null=message.or_null,
    )


def _value_to_pb(kind: spec.Kind, value: spec.Value) -> spec_pb2.Value:
    match value:
        case bool():
            return spec_pb2.Value(boolean=value)
        case int():
            return spec_pb2.Value(integer=value)
        case Decimal():
            return spec_pb2.Value(decimal=format(value, "f"))
        case float():
            return spec_pb2.Value(float=value)
        case datetime():
            return spec_pb2.Value(timestamp=timestamp_to_pb(value))
        case date():
            return spec_pb2.Value(date=value.isoformat())
        case str():
            return spec_pb2.Value(text=value)
    raise ValueError(f"no {kind.value} is a {type(value).__name__}")


def _value_from_pb(message: spec_pb2.Value) -> spec.Value:
    which = message.WhichOneof("value")
    match which:
        case "decimal":
            return Decimal(message.decimal)
        case "date":
            return date.fromisoformat(message.date)
        case "timestamp":
            return timestamp_from_pb(message.timestamp)
        case "text" | "integer" | "float" | "boolean":
            value: spec.Value = getattr(message, which)
            return value
        case None:
            raise ValueError("a value that this version does not know")


# ---- jobs and leases


def job_to_pb(handed: job.Job) -> queue_pb2.Job:
    return queue_pb2.Job(
        export_id=handed.lease.export_id,
        lease_id=handed.lease.lease_id,
        attempt=handed.attempt,
        max_attempts=handed.max_attempts,
        lease_ttl=duration_to_pb(handed.lease_ttl),
        heartbeat_interval=duration_to_pb(handed.heartbeat_interval),
        run_timeout=duration_to_pb(handed.run_timeout),
        spec=spec_to_pb(handed.spec),
        artifact_prefix=handed.artifact_prefix,
        store_id=handed.store_id,
        password=handed.password,
    )


def job_from_pb(message: queue_pb2.Job) -> job.Job:
    """ValueError for a job without a lease, and for a spec that this version cannot read."""
    if not message.lease_id:
        raise ValueError("a job without a lease_id")
    return job.Job(
        lease=job.LeaseRef(message.export_id, message.lease_id),
        attempt=message.attempt,
        max_attempts=message.max_attempts,
        lease_ttl=duration_from_pb(message.lease_ttl),
        heartbeat_interval=duration_from_pb(message.heartbeat_interval),
        run_timeout=duration_from_pb(message.run_timeout),
        spec=spec_from_pb(message.spec),
        artifact_prefix=message.artifact_prefix,
        store_id=message.store_id,
        password=message.password,
    )


def progress_to_pb(progress: outcome.Progress | None) -> export_pb2.Progress | None:
    if progress is None:
        return None
    return export_pb2.Progress(
        phase=export_pb2.Progress.Phase.Value(progress.phase.value),
        rows_written=progress.rows_written,
        rows_total=progress.rows_total,
        bytes_written=progress.bytes_written,
        eta=duration_to_pb(progress.eta),
    )


def progress_from_pb(message: export_pb2.Progress) -> outcome.Progress:
    return outcome.Progress(
        phase=_named(outcome.Phase, export_pb2.Progress.Phase, message.phase),
        rows_written=message.rows_written,
        rows_total=message.rows_total,
        bytes_written=message.bytes_written,
        eta=duration_from_pb(message.eta) if message.HasField("eta") else None,
    )


def report_to_pb(report: job.LeaseReport) -> queue_pb2.LeaseReport:
    return queue_pb2.LeaseReport(
        export_id=report.lease.export_id,
        lease_id=report.lease.lease_id,
        progress=progress_to_pb(report.progress),
    )


def report_from_pb(message: queue_pb2.LeaseReport) -> job.LeaseReport:
    progress = progress_from_pb(message.progress) if message.HasField("progress") else None
    return job.LeaseReport(job.LeaseRef(message.export_id, message.lease_id), progress)


def heartbeat_answer_to_pb(answer: job.HeartbeatAnswer) -> queue_pb2.HeartbeatResponse:
    return queue_pb2.HeartbeatResponse(
        verdicts=[
            queue_pb2.LeaseVerdict(lease_id=v.lease_id, verdict=queue_pb2.LeaseVerdict.Verdict.Value(v.verdict.value))
            for v in answer.verdicts
        ],
        missing=[job_to_pb(j) for j in answer.missing],
        drain=answer.drain,
        next_heartbeat_in=duration_to_pb(answer.next_heartbeat_in),
    )


def heartbeat_answer_from_pb(message: queue_pb2.HeartbeatResponse) -> job.HeartbeatAnswer:
    return job.HeartbeatAnswer(
        verdicts=tuple(
            job.LeaseVerdict(v.lease_id, _named(job.Verdict, queue_pb2.LeaseVerdict.Verdict, v.verdict))
            for v in message.verdicts
        ),
        missing=tuple(job_from_pb(j) for j in message.missing),
        drain=message.drain,
        next_heartbeat_in=duration_from_pb(message.next_heartbeat_in),
    )


def preview_to_pb(asked: preview.Preview) -> queue_pb2.Preview:
    return queue_pb2.Preview(
        id=asked.id,
        spec=spec_to_pb(asked.spec),
        rows=asked.rows,
        time=duration_to_pb(timedelta(seconds=preview.PREVIEW_S)),
    )


def preview_from_pb(message: queue_pb2.Preview) -> preview.Preview:
    """Raises ValueError for what this version does not know."""
    return preview.Preview(message.id, spec_from_pb(message.spec), message.rows)


def preview_answer_to_pb(
    preview_id: str, answer: preview.Previewed | outcome.Failure
) -> queue_pb2.FinishPreviewRequest:
    if isinstance(answer, outcome.Failure):
        error = queue_pb2.Failure(code=answer.code, message=answer.message)
        return queue_pb2.FinishPreviewRequest(id=preview_id, error=error)
    return queue_pb2.FinishPreviewRequest(
        id=preview_id, rows=answer.rows, rows_total=answer.rows_total, warnings=warnings_to_pb(answer.warnings)
    )


def preview_answer_from_pb(message: queue_pb2.FinishPreviewRequest) -> preview.Previewed | outcome.Failure:
    if message.HasField("error"):
        return outcome.Failure(message.error.code, message.error.message, retryable=False)
    warnings = tuple(outcome.ExportWarning(w.code, w.message, w.count) for w in message.warnings)
    return preview.Previewed(tuple(message.rows), message.rows_total, warnings)


def directive_to_pb(directive: job.Directive) -> queue_pb2.Directive:
    empty = queue_pb2.Directive.Empty()
    match directive.hint:
        case job.Hint.CANCEL:
            return queue_pb2.Directive(cancel=queue_pb2.Directive.Cancel(lease_id=directive.lease_id))
        case job.Hint.PROGRESS_WANTED:
            return queue_pb2.Directive(progress_wanted=empty)
        case job.Hint.DRAIN:
            return queue_pb2.Directive(drain=empty)
        case job.Hint.PING:
            return queue_pb2.Directive(ping=empty)


def directive_from_pb(message: queue_pb2.Directive) -> job.Directive:
    """A hint that this version does not know is a PING: hints may be lost."""
    which = message.WhichOneof("directive")
    name = which.upper() if which else "PING"
    return job.Directive(job.Hint[name], message.cancel.lease_id)


# ---- outcomes


def artifact_to_pb(artifact: outcome.Artifact) -> queue_pb2.Artifact:
    return queue_pb2.Artifact(
        key=artifact.key,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        media_type=artifact.media_type,
        extension=artifact.extension,
        entries=[export_pb2.Entry(name=e.name, size_bytes=e.size_bytes) for e in artifact.entries],
        entry_count=artifact.entry_count,
        encrypted=artifact.encrypted,
    )


def artifact_from_pb(message: queue_pb2.Artifact) -> outcome.Artifact:
    return outcome.Artifact(
        key=message.key,
        size_bytes=message.size_bytes,
        sha256=message.sha256,
        media_type=message.media_type,
        extension=message.extension,
        entries=tuple(outcome.Entry(e.name, e.size_bytes) for e in message.entries),
        entry_count=message.entry_count,
        encrypted=message.encrypted,
    )


def stats_to_pb(stats: outcome.RunStats) -> queue_pb2.RunStats:
    return queue_pb2.RunStats(
        rows_matched=stats.rows_matched,
        matched_by=export_pb2.MatchedBy.Value(stats.matched_by.value),
        rows_written=stats.rows_written,
        consistency=export_pb2.Consistency.Value(stats.consistency.value),
        as_of=timestamp_to_pb(stats.as_of),
        warnings=warnings_to_pb(stats.warnings),
    )


def stats_from_pb(message: queue_pb2.RunStats) -> outcome.RunStats:
    return outcome.RunStats(
        rows_matched=message.rows_matched,
        matched_by=_named(outcome.MatchedBy, export_pb2.MatchedBy, message.matched_by),
        rows_written=message.rows_written,
        consistency=_named(outcome.Consistency, export_pb2.Consistency, message.consistency),
        as_of=timestamp_from_pb(message.as_of) if message.HasField("as_of") else None,
        warnings=tuple(outcome.ExportWarning(w.code, w.message, w.count) for w in message.warnings),
    )


def warnings_to_pb(warnings: Iterable[outcome.ExportWarning]) -> list[export_pb2.Warning]:
    return [export_pb2.Warning(code=w.code, message=w.message, count=w.count) for w in warnings]
