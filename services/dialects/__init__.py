"""The documents of other products' dialects, for the gateway's answers and the api's events alike."""
