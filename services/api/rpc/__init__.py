"""The gRPC shell: decode, call, encode; errors and limits in interceptors."""
