"""One verb a file: read, call a pure function, write."""
