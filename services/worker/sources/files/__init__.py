"""Rows of Parquet and CSV files, in a folder or a bucket."""
