"""Commands of `exportd-api` beside the server."""
