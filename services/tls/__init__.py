"""TLS of gRPC: files of both services, certificates of servers."""
