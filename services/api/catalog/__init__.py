"""The catalog file, the grammar of queries, and the resolution of a request into a job specification."""
