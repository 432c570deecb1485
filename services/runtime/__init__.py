"""Process plumbing that knows nothing of exports: settings, logs, signals, gRPC options, metrics."""
