"""Measured or computed flows that a user brings, and the forms in which they come."""
