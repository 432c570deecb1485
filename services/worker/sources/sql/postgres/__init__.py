"""PostgreSQL, through ADBC and COPY."""
