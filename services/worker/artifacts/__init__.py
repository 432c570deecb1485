"""Where the worker puts what it built."""
