"""What can be exported: the catalog file, the grammar of queries, and a request resolved into a job's specification."""
