"""What the api does by the clock."""
