"""Notifications: callbacks over HTTP and mails over SMTP, from the outbox, at least once each."""
