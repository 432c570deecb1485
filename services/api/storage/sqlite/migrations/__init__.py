"""The history of the schema. A migration never changes once it was released."""
