"""The migrations of the schema. A migration never changes once it has been released."""
