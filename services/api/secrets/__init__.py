"""Encryption, signatures and digests with the server's key."""
