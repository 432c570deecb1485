"""The dialect of XDENT Enterprise exports: below /api/v1/ExportRequest and /api/v1/ExportResult."""
