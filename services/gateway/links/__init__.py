"""The pages of download links, for people without credentials."""
