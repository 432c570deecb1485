"""What is said to DuckDB, over files and over databases of its own."""
