"""The periodic tasks of the api."""
