"""Tokens of an OpenID Connect provider as credentials of callers."""
