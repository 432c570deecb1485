"""What the ports promise, a module a port: each verb a function over one connection, in the transaction it is given."""
