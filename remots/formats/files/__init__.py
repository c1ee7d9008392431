"""Files of any kind: whole or not at all, zipped, fetched, read a few rows at a time."""
