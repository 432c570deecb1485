"""Notifications: callbacks over HTTP and mails over SMTP. Each is sent from the outbox at least once."""
