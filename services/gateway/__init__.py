"""exportd-gateway: the HTTP door. It speaks exportd.v1 to the api, and holds no state."""
