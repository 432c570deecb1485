"""The client of exportd: ExportClient and exportctl."""
