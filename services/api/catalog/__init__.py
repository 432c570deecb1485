"""The catalog file and the query grammar: from what a caller asks to a frozen job."""
