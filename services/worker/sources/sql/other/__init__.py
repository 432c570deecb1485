"""Any other database, through SQLAlchemy."""
