"""What the report shows of one sequence, gathered into one file."""
