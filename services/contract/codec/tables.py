"""Conversion of the options of a table."""

from exportd.queue.v1 import job_spec_pb2 as spec_pb2
from exportd.v1 import export_pb2
from services.contract import spec
from services.contract.codec.enums import enum_from_pb, enum_to_pb
from services.contract.formats import Compression, CsvDialect, Format, LineTerminator, LongText, XlsxLayout


def format_to_pb(format_: Format) -> export_pb2.Format.ValueType:
    return enum_to_pb(export_pb2.Format, format_)


def format_from_pb(number: int) -> Format:
    """Raises ValueError for FORMAT_UNSPECIFIED and for numbers that this version does not know."""
    return enum_from_pb(Format, export_pb2.Format, number)


def table_to_pb(table: spec.TableOptions) -> spec_pb2.TableOptions:
    return spec_pb2.TableOptions(
        format=format_to_pb(table.format),
        time_zone=table.time_zone,
        csv=csv_to_pb(table.csv),
        xlsx=xlsx_to_pb(table.xlsx),
        compression=enum_to_pb(export_pb2.Compression, table.compression),
    )


def table_from_pb(message: spec_pb2.TableOptions) -> spec.TableOptions:
    """Absent options have their defaults."""
    return spec.TableOptions(
        format=format_from_pb(message.format),
        time_zone=message.time_zone,
        csv=_csv_from_pb(message.csv) if message.HasField("csv") else CsvDialect(),
        xlsx=_xlsx_from_pb(message.xlsx) if message.HasField("xlsx") else XlsxLayout(),
        compression=enum_from_pb(Compression, export_pb2.Compression, message.compression, Compression.NONE),
    )


def csv_to_pb(dialect: CsvDialect) -> export_pb2.CsvOptions:
    """Every option is set explicitly, not by a preset."""
    return export_pb2.CsvOptions(
        delimiter=dialect.delimiter,
        bom=dialect.bom,
        line_terminator=enum_to_pb(export_pb2.CsvOptions.LineTerminator, dialect.line_terminator),
        decimal_comma=dialect.decimal_comma,
        null_text=dialect.null_text,
        escape_formulas=dialect.escape_formulas,
        header=dialect.header,
        local_times=dialect.local_times,
    )


def _csv_from_pb(message: export_pb2.CsvOptions) -> CsvDialect:
    return CsvDialect(
        delimiter=message.delimiter,
        bom=message.bom,
        line_terminator=enum_from_pb(LineTerminator, export_pb2.CsvOptions.LineTerminator, message.line_terminator),
        decimal_comma=message.decimal_comma,
        null_text=message.null_text,
        escape_formulas=message.escape_formulas,
        header=message.header,
        local_times=message.local_times,
    )


def xlsx_to_pb(layout: XlsxLayout) -> export_pb2.XlsxOptions:
    """Every option is set explicitly."""
    return export_pb2.XlsxOptions(
        freeze_header=layout.freeze_header,
        autofilter=layout.autofilter,
        compact=layout.compact,
        long_text=enum_to_pb(export_pb2.XlsxOptions.LongText, layout.long_text),
    )


def _xlsx_from_pb(message: export_pb2.XlsxOptions) -> XlsxLayout:
    return XlsxLayout(
        freeze_header=message.freeze_header,
        autofilter=message.autofilter,
        compact=message.compact,
        long_text=enum_from_pb(LongText, export_pb2.XlsxOptions.LongText, message.long_text),
    )
