"""Ridge functions and their fits."""
