"""`exportd-worker check`: sources reached, and collections of a catalog compared with them."""
