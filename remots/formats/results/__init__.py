"""What the steps hand to one another, a module for each kind of file, and the record of what made it."""
