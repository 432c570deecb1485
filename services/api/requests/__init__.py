"""From a caller's request to a new export: everything that can be known to be wrong is refused here."""
