"""The dialect of Syntage Exports: JSON-LD below /exports and /files."""
