"""MySQL and MariaDB, through SQLAlchemy and PyMySQL."""
