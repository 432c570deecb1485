"""What holds for every test."""

from hypothesis import settings

# Two busy cores may hold any example up: how long one takes says nothing.
settings.register_profile("exportd", deadline=None)
settings.load_profile("exportd")
