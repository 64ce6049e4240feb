"""Families of problems: one network for all members, and errors that are stated."""
