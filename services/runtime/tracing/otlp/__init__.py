"""Spans for a collector, by OpenTelemetry's SDK. Imported only if there is a collector."""
