"""The two services of exportd and what they share."""
