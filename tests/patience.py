"""How long a test waits for what never comes."""

PATIENCE_S = 180.0
"""A net, not a measure: no machine is so slow, however many tests run beside each other."""
