"""Parquet files of which every row is wanted as it lies there, or in an order: polars decodes them."""
