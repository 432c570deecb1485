"""The catalog file: its TOML is loaded as a whole, or refused with every mistake in it."""
