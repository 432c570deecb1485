"""The commands of `exportd-api`, besides the server."""
