"""Download links over gRPC."""
