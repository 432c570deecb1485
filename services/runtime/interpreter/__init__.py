"""What Python itself does while a process starts and while it runs."""
