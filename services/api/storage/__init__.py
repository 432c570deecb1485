"""Where the api keeps exports and finds artifacts."""
