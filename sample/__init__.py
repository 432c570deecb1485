"""Sample data and its catalog."""
