"""The first draft of a catalog from a live database."""
