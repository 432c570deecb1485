"""A fast XLSX writer: kernels on columns build the XML, and threads deflate it."""

from services.worker.writers.xlsx.writer import XlsxWriter

__all__ = ["XlsxWriter"]
