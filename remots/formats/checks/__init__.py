"""What `remots validate` looks at."""
