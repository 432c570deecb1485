"""The OpenAPI documents of the doors, as JSON and as pages."""
