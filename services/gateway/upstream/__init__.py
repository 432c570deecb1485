"""The api, as the gateway calls it."""
