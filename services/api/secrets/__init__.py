"""What the server's key seals."""
