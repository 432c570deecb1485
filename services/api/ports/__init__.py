"""The interfaces that the use cases need from the outside, one module per role.

Each use case imports only its roles.
"""
