"""What the database checks and its partial indexes. Only migrations need them; statements need the tables alone."""
