"""HTTP: the server with its limits, credentials, errors, downloads and events. All doors use it."""
