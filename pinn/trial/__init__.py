"""The trial solution: a network and the conditions that it satisfies exactly."""
