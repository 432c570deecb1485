"""Checks of an installation that change nothing: what would keep an api from working, and what to do about it."""
