"""The job queue over gRPC."""
