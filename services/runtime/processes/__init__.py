"""Several processes of a service on the same ports, and their parent."""
