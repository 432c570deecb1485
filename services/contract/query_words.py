"""Words of the query grammar, which stand where a property could: nothing that queries name can be called so."""

QUERY_WORDS = frozenset({"order", "exists", "properties", "page", "itemsPerPage"})
