"""The gRPC layer: it decodes requests, calls use cases and encodes answers. Interceptors handle errors and limits."""
