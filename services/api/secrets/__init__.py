"""What is encrypted or signed with the server's key."""
