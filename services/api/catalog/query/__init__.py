"""The grammar of queries: turns text into a typed filter, an order and a page."""
