"""The grammar of queries: text to a typed filter, an order and a page."""
