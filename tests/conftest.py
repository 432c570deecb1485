"""What holds for every test."""

from hypothesis import HealthCheck, settings

# Two busy cores may hold any example up: how long one takes, or takes to be made, says nothing.
settings.register_profile("exportd", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("exportd")
