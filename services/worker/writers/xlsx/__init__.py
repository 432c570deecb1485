"""XLSX at the speed of the machine: column kernels build the XML, two threads deflate it."""

from services.worker.writers.xlsx.writer import XlsxWriter

__all__ = ["XlsxWriter"]
