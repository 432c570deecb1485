"""The catalog file: its TOML, read whole or refused with every mistake in it."""
