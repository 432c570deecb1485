"""Turns a caller's request into a new export. Every mistake that can be detected is refused here."""
