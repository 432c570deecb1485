"""Traces: what happened to an export, across all processes. Nothing here needs OpenTelemetry except `otlp`."""
