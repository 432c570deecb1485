"""How fast exportd is, beside the fastest that others offer, in one run on one machine."""
