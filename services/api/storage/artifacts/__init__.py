"""Where the api finds what workers built."""
