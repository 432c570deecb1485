"""From a caller's request to a new export. Every mistake that can be detected is refused here."""
