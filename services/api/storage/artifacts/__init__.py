"""The artifact stores: a folder or a bucket."""
