"""Words of the query grammar that appear in the place of a property. A property cannot have one of these names."""

QUERY_WORDS = frozenset({"order", "exists", "properties", "page", "itemsPerPage"})
