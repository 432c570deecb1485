"""The methods of the ports, one module per port. Each verb is a function over a connection, in an open transaction."""
