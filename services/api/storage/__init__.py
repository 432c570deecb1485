"""The storage of the api: exports, keys and artifacts."""
