"""What several processes on one PostgreSQL tell each other, and what they know together.

Small tables hold it, and notifications say when to look: a notification may be lost, and each process looks by itself
once a second.
"""
